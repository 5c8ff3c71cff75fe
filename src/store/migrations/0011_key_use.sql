-- When a key was last used, to the hour: 0 = never.
ALTER TABLE site_key ADD COLUMN last_used_at BIGINT NOT NULL DEFAULT 0;
