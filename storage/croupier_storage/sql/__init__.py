"""Facts in SQL: SQLite and PostgreSQL through SQLAlchemy Core."""
