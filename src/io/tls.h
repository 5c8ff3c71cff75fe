/* TLS contexts (OpenSSL 3). A context is made once and shared by all loops. */
#pragma once
#include "base/error.h"

struct lt_tls;

/* For upstreams: verifies chain and host name against the system's store, or against ca_file (PEM) when given. TLS 1.2 and up. */
enum lt_code lt_tls_client_new(const char *ca_file, struct lt_tls **ret, struct lt_error *err);
/* For our own listener: certificate chain and key, PEM. TLS 1.2 and up, 0-RTT off. */
enum lt_code lt_tls_server_new(const char *cert_file, const char *key_file, struct lt_tls **ret, struct lt_error *err);
void lt_tls_free(struct lt_tls *tls);
/* Private to io/: the SSL_CTX. */
void *lt_tls_ctx(struct lt_tls *tls);
