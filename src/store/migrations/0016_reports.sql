-- One user's calls in the order of ids, for what a user sees of their own.
CREATE INDEX ai_call_user ON ai_call (site_id, user_id, id);
