"""Results rendered as plain data, JSON, text and HTML."""

from croupier.reports.render import as_dict, as_html, as_json, as_text

__all__ = ["as_dict", "as_html", "as_json", "as_text"]
