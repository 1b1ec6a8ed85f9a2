"""Clear Temp and Clear Cache: what would go, a question, the deed, and the offer to redeploy."""
