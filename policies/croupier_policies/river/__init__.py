"""River models as learners and policies, stored by an exact allow-list of classes."""
