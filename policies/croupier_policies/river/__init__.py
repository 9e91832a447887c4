"""River models as learners and policies, stored from an exact allow-list of classes."""
