-- A small record shop, invented. Tables and columns are named as in the Chinook database
-- (https://github.com/lerocha/chinook-database), so that a real one can take its place.

CREATE TABLE Artist (
    ArtistId INTEGER PRIMARY KEY,
    Name     NVARCHAR(120)
);
CREATE TABLE Album (
    AlbumId  INTEGER PRIMARY KEY,
    Title    NVARCHAR(160) NOT NULL,
    ArtistId INTEGER NOT NULL REFERENCES Artist (ArtistId)
);
CREATE TABLE Genre (
    GenreId INTEGER PRIMARY KEY,
    Name    NVARCHAR(120)
);
CREATE TABLE MediaType (
    MediaTypeId INTEGER PRIMARY KEY,
    Name        NVARCHAR(120)
);
CREATE TABLE Track (
    TrackId      INTEGER PRIMARY KEY,
    Name         NVARCHAR(200) NOT NULL,
    AlbumId      INTEGER REFERENCES Album (AlbumId),
    MediaTypeId  INTEGER NOT NULL REFERENCES MediaType (MediaTypeId),
    GenreId      INTEGER REFERENCES Genre (GenreId),
    Composer     NVARCHAR(220),
    Milliseconds INTEGER NOT NULL,
    Bytes        INTEGER,
    UnitPrice    NUMERIC(10, 2) NOT NULL
);
CREATE TABLE Playlist (
    PlaylistId INTEGER PRIMARY KEY,
    Name       NVARCHAR(120)
);
CREATE TABLE PlaylistTrack (
    PlaylistId INTEGER NOT NULL REFERENCES Playlist (PlaylistId),
    TrackId    INTEGER NOT NULL REFERENCES Track (TrackId),
    PRIMARY KEY (PlaylistId, TrackId)
);
CREATE TABLE Customer (
    CustomerId INTEGER PRIMARY KEY,
    FirstName  NVARCHAR(40) NOT NULL,
    LastName   NVARCHAR(20) NOT NULL,
    Company    NVARCHAR(80),
    Address    NVARCHAR(70),
    City       NVARCHAR(40),
    State      NVARCHAR(40),
    Country    NVARCHAR(40),
    PostalCode NVARCHAR(10),
    Phone      NVARCHAR(24),
    Email      NVARCHAR(60) NOT NULL
);
CREATE TABLE Invoice (
    InvoiceId         INTEGER PRIMARY KEY,
    CustomerId        INTEGER NOT NULL REFERENCES Customer (CustomerId),
    InvoiceDate       DATETIME NOT NULL,
    BillingAddress    NVARCHAR(70),
    BillingCity       NVARCHAR(40),
    BillingState      NVARCHAR(40),
    BillingCountry    NVARCHAR(40),
    BillingPostalCode NVARCHAR(10),
    Total             NUMERIC(10, 2) NOT NULL
);
CREATE TABLE InvoiceLine (
    InvoiceLineId INTEGER PRIMARY KEY,
    InvoiceId     INTEGER NOT NULL REFERENCES Invoice (InvoiceId),
    TrackId       INTEGER NOT NULL REFERENCES Track (TrackId),
    UnitPrice     NUMERIC(10, 2) NOT NULL,
    Quantity      INTEGER NOT NULL
);

INSERT INTO Artist (ArtistId, Name) VALUES
    (1, 'The Paper Lanterns'),
    (2, 'North Harbour'),
    (3, 'Ada and the Engines'),
    (4, 'Velvet Meridian'),
    (5, 'Ólafur Bergsson Trio');

INSERT INTO Album (AlbumId, Title, ArtistId) VALUES
    (1, 'Letters by Daylight', 1),
    (2, 'Second Post', 1),
    (3, 'Tidewater', 2),
    (4, 'Difference of Opinion', 3),
    (5, 'Analytical', 3),
    (6, 'Half Past Noon', 4),
    (7, 'Vetrarljós', 5);

INSERT INTO Genre (GenreId, Name) VALUES
    (1, 'Rock'),
    (2, 'Electronic'),
    (3, 'Jazz');

INSERT INTO MediaType (MediaTypeId, Name) VALUES
    (1, 'FLAC audio file');

INSERT INTO Track (TrackId, Name, AlbumId, MediaTypeId, GenreId, Composer, Milliseconds, UnitPrice) VALUES
    (1, 'Love in Transit', 1, 1, 1, 'M. Okafor, T. Hale', 381886, 0.99),
    (2, 'Return to Sender (Again)', 1, 1, 1, 'M. Okafor, T. Hale', 388462, 0.99),
    (3, 'Airmail', 1, 1, 1, 'M. Okafor, T. Hale', 410875, 0.99),
    (4, 'What the Stamp Said', 1, 1, 1, 'M. Okafor, T. Hale', 247189, 0.99),
    (5, 'Dear Neighbour', 1, 1, 1, 'M. Okafor, T. Hale', 412487, 0.99),
    (6, 'A Slow Kind of Love', 2, 1, 1, 'M. Okafor, T. Hale', 245096, 0.99),
    (7, 'Poste Restante', 2, 1, 1, 'M. Okafor, T. Hale', 378310, 0.99),
    (8, 'Ink on My Hands', 2, 1, 1, 'M. Okafor, T. Hale', 222092, 0.99),
    (9, 'Forwarding Address', 2, 1, 1, 'M. Okafor, T. Hale', 171609, 0.99),
    (10, 'Harbour Lights', 3, 1, 1, 'Iris Calloway', 352987, 0.99),
    (11, 'Low Tide, High Hopes', 3, 1, 1, 'Iris Calloway', 381669, 0.99),
    (12, 'Love Letter to a Lighthouse', 3, 1, 1, 'Iris Calloway', 230638, 0.99),
    (13, 'Salt', 3, 1, 1, 'Iris Calloway', 157851, 0.99),
    (14, 'The Ferry Leaves at Six', 3, 1, 1, 'Iris Calloway', 182060, 0.99),
    (15, 'Carry the One', 4, 1, 2, 'Ada Quill', 168194, 0.99),
    (16, 'Gears', 4, 1, 2, 'Ada Quill', 273614, 0.99),
    (17, 'Punch Card Love Song', 4, 1, 2, 'Ada Quill', 165796, 0.99),
    (18, 'Loop Until True', 4, 1, 2, 'Ada Quill', 387334, 0.99),
    (19, 'First Program', 5, 1, 2, 'Ada Quill', 375605, 0.99),
    (20, 'The Note-G Waltz', 5, 1, 2, 'Ada Quill', 250531, 0.99),
    (21, 'Brass and Numbers', 5, 1, 2, 'Ada Quill', 269655, 0.99),
    (22, 'Off by One', 5, 1, 2, 'Ada Quill', 300511, 0.99),
    (23, 'Noon', 6, 1, 2, NULL, 152678, 0.99),
    (24, '12:30', 6, 1, 2, NULL, 193468, 0.99),
    (25, 'Shade of a Plane Tree', 6, 1, 2, NULL, 292416, 0.99),
    (26, 'Siesta, Interrupted', 6, 1, 2, NULL, 192724, 0.99),
    (27, 'Vetrarljós', 7, 1, 3, 'Ólafur Bergsson', 280322, 1.29),
    (28, 'Snow on Warm Roofs', 7, 1, 3, 'Ólafur Bergsson', 267525, 1.29),
    (29, 'Ást (Love)', 7, 1, 3, 'Ólafur Bergsson', 297030, 1.29),
    (30, 'Blue Hour in D', 7, 1, 3, 'Ólafur Bergsson', 185576, 1.29);

INSERT INTO Playlist (PlaylistId, Name) VALUES
    (1, 'Love songs'),
    (2, 'Quiet evenings');

INSERT INTO PlaylistTrack (PlaylistId, TrackId) VALUES
    (1, 1),
    (1, 6),
    (1, 12),
    (1, 17),
    (1, 29),
    (2, 13),
    (2, 23),
    (2, 27),
    (2, 28),
    (2, 30);

INSERT INTO Customer (CustomerId, FirstName, LastName, Address, City, Country, PostalCode, Email) VALUES
    (1, 'Nora', 'Lindqvist', 'Hamngatan 4', 'Stockholm', 'Sweden', '111 47', 'nora.lindqvist@example.com'),
    (2, 'Jonas', 'Weber', 'Gartenstraße 12', 'Leipzig', 'Germany', '04109', 'jonas.weber@example.com'),
    (3, 'Miriam', 'Adler', 'Am Kanal 7', 'Hamburg', 'Germany', '20457', 'Miriam.Adler@example.com'),
    (4, 'Emil', 'Krause', 'Lindenweg 31', 'Freiburg', 'Germany', '79098', 'emil.krause@example.com'),
    (5, 'Claire', 'Fontaine', '8 rue des Tanneurs', 'Lyon', 'France', '69002', 'claire.fontaine@example.com'),
    (6, 'Hugo', 'Martel', '21 quai du Port', 'Marseille', 'France', '13002', 'hugo.martel@example.com'),
    (7, 'Grace', 'Thornton', '5 Mill Lane', 'Bristol', 'United Kingdom', 'BS1 4DJ', 'grace.thornton@example.com'),
    (8, 'Daniel', 'Reyes', '740 Orchard Avenue', 'Portland', 'USA', '97204', 'daniel.reyes@example.com'),
    (9, 'Aiko', 'Tanabe', '3-9 Sakuragaoka', 'Kobe', 'Japan', '650-0001', 'aiko.tanabe@example.com'),
    (10, 'Paulo', 'Siqueira', 'Rua das Acácias 88', 'Curitiba', 'Brazil', '80010', 'paulo.siqueira@example.com'),
    (17, 'Carol', 'Ferreira', 'Rua do Sol 14', 'Porto', 'Portugal', '4050-190', 'carol.ferreira@example.com');

INSERT INTO Invoice (InvoiceId, CustomerId, InvoiceDate, BillingAddress, BillingCity, BillingCountry, BillingPostalCode, Total) VALUES
    (1, 2, '2024-09-18 00:00:00', 'Gartenstraße 12', 'Leipzig', 'Germany', '04109', 0.99),
    (2, 5, '2024-10-05 00:00:00', '8 rue des Tanneurs', 'Lyon', 'France', '69002', 1.29),
    (3, 3, '2024-11-27 00:00:00', 'Am Kanal 7', 'Hamburg', 'Germany', '20457', 1.98),
    (4, 8, '2024-12-16 00:00:00', '740 Orchard Avenue', 'Portland', 'USA', '97204', 1.29),
    (5, 2, '2025-01-09 00:00:00', 'Gartenstraße 12', 'Leipzig', 'Germany', '04109', 0.99),
    (6, 1, '2025-01-22 00:00:00', 'Hamngatan 4', 'Stockholm', 'Sweden', '111 47', 1.98),
    (7, 6, '2025-02-03 00:00:00', '21 quai du Port', 'Marseille', 'France', '13002', 2.97),
    (8, 3, '2025-02-17 00:00:00', 'Am Kanal 7', 'Hamburg', 'Germany', '20457', 0.99),
    (9, 8, '2025-02-26 00:00:00', '740 Orchard Avenue', 'Portland', 'USA', '97204', 2.28),
    (10, 4, '2025-03-11 00:00:00', 'Lindenweg 31', 'Freiburg', 'Germany', '79098', 1.98),
    (11, 7, '2025-03-30 00:00:00', '5 Mill Lane', 'Bristol', 'United Kingdom', 'BS1 4DJ', 1.98),
    (12, 5, '2025-04-08 00:00:00', '8 rue des Tanneurs', 'Lyon', 'France', '69002', 3.27),
    (13, 9, '2025-04-19 00:00:00', '3-9 Sakuragaoka', 'Kobe', 'Japan', '650-0001', 1.98),
    (14, 2, '2025-05-02 00:00:00', 'Gartenstraße 12', 'Leipzig', 'Germany', '04109', 0.99),
    (15, 3, '2025-05-23 00:00:00', 'Am Kanal 7', 'Hamburg', 'Germany', '20457', 3.27),
    (16, 8, '2025-06-01 00:00:00', '740 Orchard Avenue', 'Portland', 'USA', '97204', 3.96),
    (17, 7, '2025-06-14 00:00:00', '5 Mill Lane', 'Bristol', 'United Kingdom', 'BS1 4DJ', 1.98),
    (18, 4, '2025-07-07 00:00:00', 'Lindenweg 31', 'Freiburg', 'Germany', '79098', 2.97),
    (19, 6, '2025-07-21 00:00:00', '21 quai du Port', 'Marseille', 'France', '13002', 1.98),
    (20, 1, '2025-08-15 00:00:00', 'Hamngatan 4', 'Stockholm', 'Sweden', '111 47', 3.96),
    (21, 9, '2025-08-28 00:00:00', '3-9 Sakuragaoka', 'Kobe', 'Japan', '650-0001', 3.27),
    (22, 2, '2025-09-04 00:00:00', 'Gartenstraße 12', 'Leipzig', 'Germany', '04109', 3.96),
    (23, 4, '2025-09-29 00:00:00', 'Lindenweg 31', 'Freiburg', 'Germany', '79098', 3.27),
    (24, 5, '2025-10-12 00:00:00', '8 rue des Tanneurs', 'Lyon', 'France', '69002', 4.26),
    (25, 8, '2025-10-30 00:00:00', '740 Orchard Avenue', 'Portland', 'USA', '97204', 0.99),
    (26, 3, '2025-11-06 00:00:00', 'Am Kanal 7', 'Hamburg', 'Germany', '20457', 0.99),
    (27, 7, '2025-11-19 00:00:00', '5 Mill Lane', 'Bristol', 'United Kingdom', 'BS1 4DJ', 3.96),
    (28, 2, '2025-12-05 00:00:00', 'Gartenstraße 12', 'Leipzig', 'Germany', '04109', 1.98),
    (29, 6, '2025-12-11 00:00:00', '21 quai du Port', 'Marseille', 'France', '13002', 2.97),
    (30, 1, '2025-12-20 00:00:00', 'Hamngatan 4', 'Stockholm', 'Sweden', '111 47', 4.26);

INSERT INTO InvoiceLine (InvoiceLineId, InvoiceId, TrackId, UnitPrice, Quantity) VALUES
    (1, 1, 14, 0.99, 1),
    (2, 2, 30, 1.29, 1),
    (3, 3, 3, 0.99, 1),
    (4, 3, 14, 0.99, 1),
    (5, 4, 30, 1.29, 1),
    (6, 5, 7, 0.99, 1),
    (7, 6, 2, 0.99, 1),
    (8, 6, 17, 0.99, 1),
    (9, 7, 14, 0.99, 1),
    (10, 7, 15, 0.99, 1),
    (11, 7, 24, 0.99, 1),
    (12, 8, 20, 0.99, 1),
    (13, 9, 23, 0.99, 1),
    (14, 9, 27, 1.29, 1),
    (15, 10, 3, 0.99, 1),
    (16, 10, 11, 0.99, 1),
    (17, 11, 1, 0.99, 1),
    (18, 11, 11, 0.99, 1),
    (19, 12, 4, 0.99, 1),
    (20, 12, 5, 0.99, 1),
    (21, 12, 27, 1.29, 1),
    (22, 13, 4, 0.99, 1),
    (23, 13, 24, 0.99, 1),
    (24, 14, 2, 0.99, 1),
    (25, 15, 6, 0.99, 1),
    (26, 15, 17, 0.99, 1),
    (27, 15, 28, 1.29, 1),
    (28, 16, 7, 0.99, 1),
    (29, 16, 16, 0.99, 1),
    (30, 16, 18, 0.99, 1),
    (31, 16, 25, 0.99, 1),
    (32, 17, 15, 0.99, 1),
    (33, 17, 22, 0.99, 1),
    (34, 18, 4, 0.99, 1),
    (35, 18, 14, 0.99, 1),
    (36, 18, 15, 0.99, 1),
    (37, 19, 1, 0.99, 1),
    (38, 19, 9, 0.99, 1),
    (39, 20, 1, 0.99, 1),
    (40, 20, 6, 0.99, 1),
    (41, 20, 7, 0.99, 1),
    (42, 20, 10, 0.99, 1),
    (43, 21, 21, 0.99, 1),
    (44, 21, 22, 0.99, 1),
    (45, 21, 30, 1.29, 1),
    (46, 22, 2, 0.99, 1),
    (47, 22, 4, 0.99, 1),
    (48, 22, 5, 0.99, 1),
    (49, 22, 7, 0.99, 1),
    (50, 23, 1, 0.99, 1),
    (51, 23, 9, 0.99, 1),
    (52, 23, 27, 1.29, 1),
    (53, 24, 10, 0.99, 1),
    (54, 24, 11, 0.99, 1),
    (55, 24, 14, 0.99, 1),
    (56, 24, 29, 1.29, 1),
    (57, 25, 3, 0.99, 1),
    (58, 26, 7, 0.99, 1),
    (59, 27, 1, 0.99, 1),
    (60, 27, 8, 0.99, 1),
    (61, 27, 21, 0.99, 1),
    (62, 27, 22, 0.99, 1),
    (63, 28, 12, 0.99, 1),
    (64, 28, 21, 0.99, 1),
    (65, 29, 5, 0.99, 1),
    (66, 29, 17, 0.99, 1),
    (67, 29, 20, 0.99, 1),
    (68, 30, 5, 0.99, 1),
    (69, 30, 6, 0.99, 1),
    (70, 30, 14, 0.99, 1),
    (71, 30, 30, 1.29, 1);
