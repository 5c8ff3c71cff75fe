-- Token issuers with public keys: a key set kept here or read from an address, and which claim says who the user is.
ALTER TABLE jwt_issuer ADD COLUMN jwks TEXT NOT NULL DEFAULT '';
ALTER TABLE jwt_issuer ADD COLUMN jwks_url TEXT NOT NULL DEFAULT '';
ALTER TABLE jwt_issuer ADD COLUMN user_claim TEXT NOT NULL DEFAULT 'sub';
