//! An MCP server over the database of a record shop.
//!
//! ```sh
//! cargo run --bin revenue -- serve --dev                      # a small sample of its own
//! cargo run --bin revenue -- serve --dev --db chinook.sqlite  # a copy of a Chinook database
//! ```

mod database;
mod error;
mod model;
#[cfg(test)]
mod stored_texts;
#[cfg(test)]
mod tests;

use mcp_runtime::{Json, Untrusted, server};

use database::{Database, OpenError, Options};
use error::RevenueError;
use model::{Added, Customer, Feedback, Month, RecordKind, RevenueReport, Track, dollars};

#[tokio::main]
async fn main() -> mcp_runtime::Result {
    mcp_runtime::run_with(Revenue::open).await
}

struct Revenue {
    database: Database,
}

impl Revenue {
    async fn open(options: Options) -> Result<Self, OpenError> {
        Ok(Self { database: Database::open(options).await? })
    }
}

#[server(name = "revenue", rate = "300/min")]
impl Revenue {
    /// Revenue of one country, month by month.
    ///
    /// Months are counted back from the newest invoice of the shop, not from today. A month without invoices is left
    /// out.
    #[tool(scope = "revenue.read", rate = "10/min", timeout = "5s", read_only)]
    async fn get_revenue_data(
        &self,
        /// The country in English, as on the invoices: `Germany`, `USA`.
        #[arg(length(1..=40))]
        country: String,
        /// How many months, the one of the newest invoice included.
        #[arg(range(1..=240), default = 12)]
        months: u32,
    ) -> Result<Json<RevenueReport>, RevenueError> {
        // In cents, since a sum of binary fractions is not exact.
        let cents: Vec<(String, i64)> = sqlx::query_as(
            "SELECT strftime('%Y-%m', InvoiceDate), SUM(CAST(ROUND(Total * 100) AS INTEGER))
             FROM Invoice
             WHERE BillingCountry = ?1
               AND InvoiceDate >= (SELECT date(MAX(InvoiceDate), 'start of month', (1 - ?2) || ' months') FROM Invoice)
             GROUP BY 1
             ORDER BY 1",
        )
        .bind(&country)
        .bind(months)
        .fetch_all(&self.database.pool)
        .await?;
        if cents.is_empty() {
            let mut known: Vec<String> = sqlx::query_scalar(
                "SELECT DISTINCT BillingCountry FROM Invoice WHERE BillingCountry IS NOT NULL ORDER BY 1",
            )
            .fetch_all(&self.database.pool)
            .await?;
            if !known.contains(&country) {
                known.truncate(50);
                return Err(RevenueError::CountryNotFound { known: known.join(", ") });
            }
        }
        Ok(Json(RevenueReport {
            country,
            currency: "USD",
            total: dollars(cents.iter().map(|(_, cents)| cents).sum()),
            months: cents.into_iter().map(|(month, cents)| Month { month, revenue: dollars(cents) }).collect(),
        }))
    }

    /// Find a customer by email address.
    #[tool(scope = "customer.read", rate = "30/min", read_only)]
    async fn find_customer(
        &self,
        /// The whole address; upper and lower case are the same.
        #[arg(pii, length(1..=254))]
        email: String,
    ) -> Result<Json<Customer>, RevenueError> {
        let row = sqlx::query_as(
            "SELECT CustomerId, FirstName, LastName, Email, Company, City, Country
             FROM Customer
             WHERE Email = ? COLLATE NOCASE
             ORDER BY CustomerId",
        )
        .bind(email)
        .fetch_optional(&self.database.pool)
        .await?;
        let (id, first_name, last_name, email, company, city, country) = row.ok_or(RevenueError::CustomerNotFound)?;
        Ok(Json(Customer { id, first_name, last_name, email, company, city, country }))
    }

    /// Search the tracks by words of title, artist and album; the best matches come first.
    ///
    /// A track matches if it has every word of the query, whole words alone. Case and accents do not matter.
    #[tool(scope = "catalog.read", rate = "5/min", concurrency = 2, read_only)]
    async fn search_tracks(
        &self,
        /// Words to look for, without operators.
        #[arg(length(1..=200))]
        query: String,
        /// How many tracks at most.
        #[arg(range(1..=50), default = 10)]
        limit: u32,
    ) -> Result<Json<Vec<Track>>, RevenueError> {
        let rows = sqlx::query_as(
            "SELECT rowid, Title, Artist, Album FROM TrackSearch WHERE TrackSearch MATCH ? ORDER BY rank, rowid LIMIT ?",
        )
        .bind(phrases(&query))
        .bind(limit)
        .fetch_all(&self.database.pool)
        .await?;
        Ok(Json(rows.into_iter().map(|(id, title, artist, album)| Track { id, title, artist, album }).collect()))
    }

    /// Keep what a customer wrote about a track.
    #[tool(scope = "feedback.write", rate = "20/min", destructive = false)]
    async fn add_feedback(
        &self,
        /// The track's id, as `search_tracks` gives it.
        track: u32,
        /// What the customer wrote, word for word.
        #[arg(length(1..=4000))]
        text: String,
    ) -> Result<Json<Added>, RevenueError> {
        let id = sqlx::query_scalar(
            "INSERT INTO Feedback (TrackId, Text) SELECT TrackId, ? FROM Track WHERE TrackId = ? RETURNING FeedbackId",
        )
        .bind(text)
        .bind(track)
        .fetch_optional(&self.database.pool)
        .await?;
        let id = id.ok_or(RevenueError::RecordNotFound { kind: RecordKind::Track, id: track })?;
        Ok(Json(Added { id }))
    }

    /// What customers wrote about a track: the newest 50 texts, the newest first.
    #[tool(scope = "feedback.read", rate(agent = "30/min", total = "300/min"), read_only)]
    async fn list_feedback(
        &self,
        /// The track's id, as `search_tracks` gives it.
        track: u32,
    ) -> Result<Json<Vec<Feedback>>, RevenueError> {
        let rows: Vec<(u32, String, String)> = sqlx::query_as(
            "SELECT FeedbackId, Text, WrittenAt FROM Feedback WHERE TrackId = ? ORDER BY FeedbackId DESC LIMIT 50",
        )
        .bind(track)
        .fetch_all(&self.database.pool)
        .await?;
        if rows.is_empty() {
            let known = sqlx::query("SELECT 1 FROM Track WHERE TrackId = ?").bind(track);
            let known = known.fetch_optional(&self.database.pool).await?;
            known.ok_or(RevenueError::RecordNotFound { kind: RecordKind::Track, id: track })?;
        }
        let feedback = |(id, text, written_at)| Feedback { id, text: Untrusted(text), written_at };
        Ok(Json(rows.into_iter().map(feedback).collect()))
    }

    /// Delete a customer who asks for it, for good.
    ///
    /// The email address has to be the customer's own, so that a wrong id deletes nobody else. A customer who stands on
    /// an invoice stays: `RECORD_IN_USE`.
    #[tool(scope = "customer.delete", rate = "5/min", destructive)]
    async fn delete_customer(
        &self,
        /// The customer's id, as `find_customer` gives it.
        id: u32,
        /// The address that the customer is known by; upper and lower case are the same.
        #[arg(pii, length(1..=254))]
        email: String,
    ) -> Result<(), RevenueError> {
        let kind = RecordKind::Customer;
        let query = "SELECT Email = ? COLLATE NOCASE FROM Customer WHERE CustomerId = ?";
        let known: Option<bool> =
            sqlx::query_scalar(query).bind(email).bind(id).fetch_optional(&self.database.pool).await?;
        match known {
            None => Err(RevenueError::RecordNotFound { kind, id }),
            Some(false) => Err(RevenueError::EmailMismatch { id }),
            Some(true) => self.delete_record(kind, id).await,
        }
    }

    /// Delete one record for good.
    ///
    /// A customer or a track that stands on an invoice stays: `RECORD_IN_USE`. With a track go its feedback and its
    /// places in playlists.
    #[tool(scope = all("record.delete", "record.read"), rate = "5/min", destructive)]
    async fn delete_record(
        &self,
        /// What the id belongs to.
        kind: RecordKind,
        /// The record's id.
        id: u32,
    ) -> Result<(), RevenueError> {
        let statements: &[&'static str] = match kind {
            RecordKind::Customer => &["DELETE FROM Customer WHERE CustomerId = ?"],
            RecordKind::Track => &[
                "DELETE FROM PlaylistTrack WHERE TrackId = ?",
                "DELETE FROM TrackSearch WHERE rowid = ?",
                "DELETE FROM Track WHERE TrackId = ?",
            ],
            RecordKind::Feedback => &["DELETE FROM Feedback WHERE FeedbackId = ?"],
        };
        let mut transaction = self.database.pool.begin_with("BEGIN IMMEDIATE").await?;
        let mut deleted = 0;
        for &statement in statements {
            deleted = match sqlx::query(statement).bind(id).execute(&mut *transaction).await {
                Ok(done) => done.rows_affected(),
                // What invoices refer to is kept by their foreign keys.
                Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                    return Err(RevenueError::RecordInUse { kind, id });
                }
                Err(error) => return Err(error.into()),
            };
        }
        if deleted == 0 {
            return Err(RevenueError::RecordNotFound { kind, id });
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// The query for FTS5: every word as a string, in which nothing is an operator. Empty ones, which match nothing alone and
/// everything beside others, keep a query without words from being a syntax error.
fn phrases(query: &str) -> String {
    let words = query.split(|c: char| c.is_whitespace() || c.is_control());
    words.map(|word| format!("\"{}\"", word.replace('"', "\"\""))).collect::<Vec<_>>().join(" ")
}
