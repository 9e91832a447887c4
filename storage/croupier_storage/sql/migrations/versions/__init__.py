"""One file per version of the schema, each in the words of its day: none imports the present schema."""
