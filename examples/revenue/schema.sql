-- What the server adds to a Chinook database: the tables `Feedback` and `TrackSearch`, with what SQLite keeps for them.

-- AUTOINCREMENT: an id is never given twice, so that deleting a text late cannot hit a newer one.
CREATE TABLE IF NOT EXISTS Feedback (
    FeedbackId INTEGER PRIMARY KEY AUTOINCREMENT,
    TrackId    INTEGER NOT NULL REFERENCES Track (TrackId) ON DELETE CASCADE,
    Text       TEXT NOT NULL,
    WrittenAt  TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);
CREATE INDEX IF NOT EXISTS IFK_FeedbackTrackId ON Feedback (TrackId);

-- Made anew at every start: other programs change tracks and do not know of it.
DROP TABLE IF EXISTS TrackSearch;
CREATE VIRTUAL TABLE TrackSearch USING fts5 (Title, Artist, Album, tokenize = "unicode61 remove_diacritics 2");
INSERT INTO TrackSearch (rowid, Title, Artist, Album)
SELECT Track.TrackId, Track.Name, Artist.Name, Album.Title
FROM Track
LEFT JOIN Album ON Album.AlbumId = Track.AlbumId
LEFT JOIN Artist ON Artist.ArtistId = Album.ArtistId;
