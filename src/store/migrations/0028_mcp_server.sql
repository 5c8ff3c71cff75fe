-- MCP servers that a site has set up (tools/mcp_server.h).
CREATE TABLE mcp_server (
    id {serial},
    site_id BIGINT NOT NULL REFERENCES site(id),
    label TEXT NOT NULL, -- by which profiles name it
    enabled BIGINT NOT NULL DEFAULT 1,
    config TEXT NOT NULL, -- JSON by the schema of tools/mcp_server.h; values of headers are sealed
    created_at BIGINT NOT NULL,
    UNIQUE (site_id, label)
);
