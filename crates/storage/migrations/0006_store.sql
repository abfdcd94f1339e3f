-- Which store this is: object stores bear the same id, so that no other catalog takes their
-- segments for left-overs. One row, made by the first node that opens the catalog.
CREATE TABLE store (
    id TEXT NOT NULL PRIMARY KEY
);
