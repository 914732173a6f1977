//! Records to rows and back.

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

use crate::auth::{KeyHash, KeyRecord, Revocation, Revoked, Target};
use crate::caller::Source;

const INSERT_KEY: &str = "
    INSERT INTO keys (id, seq, hash, agent, scopes, on_behalf_of, created, expires, rotated_from)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

const INSERT_REVOCATION: &str = "
    INSERT INTO revocations (seq, kind, value, revoked_by, revoked_at, keys)
    VALUES ($1, $2, $3, $4, $5, $6)";

const CUT_OFF_KEY: &str = "
    UPDATE keys SET revoked_by = $2, revoked_at = $3
    WHERE revoked_at IS NULL AND id = $1 RETURNING expires";

const CUT_OFF_AGENT: &str = "
    UPDATE keys SET revoked_by = $2, revoked_at = $3
    WHERE revoked_at IS NULL AND agent = $1 RETURNING expires";

const CUT_OFF_SUBJECT: &str = "
    UPDATE keys SET revoked_by = $2, revoked_at = $3
    WHERE revoked_at IS NULL AND on_behalf_of = $1 RETURNING expires";

/// Begins the next epoch.
pub(super) async fn raise_epoch(tx: &mut Transaction<'static, Sqlite>) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("UPDATE state SET epoch = epoch + 1 RETURNING epoch").fetch_one(&mut **tx).await
}

/// Adds a key, in an epoch of its own.
pub(super) async fn insert_key(tx: &mut Transaction<'static, Sqlite>, key: &KeyRecord) -> Result<(), sqlx::Error> {
    let seq = raise_epoch(tx).await?;
    let query = sqlx::query(INSERT_KEY).bind(&key.id).bind(seq).bind(key.hash.as_bytes().as_slice());
    let query = query.bind(&key.agent).bind(key.scopes.join(" ")).bind(&key.on_behalf_of);
    let query = query.bind(key.created.as_millisecond()).bind(key.expires.map(Timestamp::as_millisecond));
    query.bind(&key.rotated_from).execute(&mut **tx).await.map(drop)
}

/// Adds an entry to the list of revocations.
pub(super) async fn insert_revocation(
    tx: &mut Transaction<'static, Sqlite>,
    revocation: &Revocation,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(INSERT_REVOCATION).bind(revocation.seq.cast_signed());
    let query = query.bind(&revocation.kind).bind(&revocation.value).bind(&revocation.by);
    let query = query.bind(revocation.at.as_millisecond()).bind(revocation.keys.cast_signed());
    query.execute(&mut **tx).await.map(drop)
}

/// Marks the keys of a target, and counts those that worked until now. Ended keys are marked too: nothing brings a
/// revoked key back.
pub(super) async fn cut_off(
    tx: &mut Transaction<'static, Sqlite>,
    target: &Target,
    by: &str,
    at: Timestamp,
) -> Result<u64, sqlx::Error> {
    let (update, value) = match target {
        Target::Key(id) => (CUT_OFF_KEY, id.as_str()),
        Target::Agent(agent) | Target::IssuedTo(agent) if *agent.source() == Source::Key => {
            (CUT_OFF_AGENT, agent.name())
        }
        Target::Subject(subject) | Target::IssuedFor(subject) => (CUT_OFF_SUBJECT, subject.as_str()),
        Target::Agent(_) | Target::IssuedTo(_) | Target::Token(_) => return Ok(0),
    };
    let now = at.as_millisecond();
    let ends: Vec<Option<i64>> = sqlx::query_scalar(update).bind(value).bind(by).bind(now).fetch_all(&mut **tx).await?;
    Ok(ends.iter().filter(|end| end.is_none_or(|end| end > now)).map(|_| 1).sum())
}

/// A row of `keys`.
pub(super) fn key_record(row: &SqliteRow) -> Result<KeyRecord, sqlx::Error> {
    let hash: Vec<u8> = row.try_get("hash")?;
    let hash = hash.try_into().map_err(|_| sqlx::Error::Protocol("a key's hash has not 32 bytes".into()))?;
    let scopes: String = row.try_get("scopes")?;
    let by: Option<String> = row.try_get("revoked_by")?;
    let at: Option<i64> = row.try_get("revoked_at")?;
    let expires: Option<i64> = row.try_get("expires")?;
    Ok(KeyRecord {
        id: row.try_get("id")?,
        hash: KeyHash::from_bytes(hash),
        agent: row.try_get("agent")?,
        scopes: scopes.split_whitespace().map(str::to_owned).collect(),
        on_behalf_of: row.try_get("on_behalf_of")?,
        created: time(row.try_get("created")?)?,
        expires: expires.map(time).transpose()?,
        revoked: match at {
            Some(at) => Some(Revoked { by: by.unwrap_or_default(), at: time(at)? }),
            None => None,
        },
        rotated_from: row.try_get("rotated_from")?,
    })
}

/// A row of `revocations`.
pub(super) fn revocation(row: &SqliteRow) -> Result<Revocation, sqlx::Error> {
    Ok(Revocation {
        seq: row.try_get::<i64, _>("seq")?.cast_unsigned(),
        kind: row.try_get("kind")?,
        value: row.try_get("value")?,
        by: row.try_get("revoked_by")?,
        at: time(row.try_get("revoked_at")?)?,
        keys: row.try_get::<i64, _>("keys")?.cast_unsigned(),
    })
}

fn time(milliseconds: i64) -> Result<Timestamp, sqlx::Error> {
    Timestamp::from_millisecond(milliseconds).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
