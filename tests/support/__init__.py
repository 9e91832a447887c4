"""What tests share: importable as `support`, since `tests` is on pytest's path."""
