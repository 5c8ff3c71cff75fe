/* TLS contexts (OpenSSL 3). A context is made once and shared by all loops. */
#pragma once
#include "base/error.h"

struct lt_tls;

/*
 * For upstreams: verifies chain and host name against the system's store, or against ca_file (PEM) when given. TLS 1.2 and up. A ca_file is read
 * now, so that a wrong one is told (LT_ECONFIG). The system's store, some 140 certificates in 2 to 3 MiB, is read before the first connection: who
 * speaks to services of the own machine without TLS never needs it.
 */
enum lt_code lt_tls_client_new(const char *ca_file, struct lt_tls **ret, struct lt_error *err);
/* For our own listener: certificate chain and key, PEM. TLS 1.2 and up, 0-RTT off. */
enum lt_code lt_tls_server_new(const char *cert_file, const char *key_file, struct lt_tls **ret, struct lt_error *err);
/*
 * Reads the system's store if that is to be done and has not been; one load otherwise. Before each connection of ours. Any thread; on a fiber, which
 * gives way while a worker reads. LT_EOVERLOADED when no worker could take it.
 */
enum lt_code lt_tls_ready(struct lt_tls *tls);
void lt_tls_free(struct lt_tls *tls);
/* Private to io/: the SSL_CTX. */
void *lt_tls_ctx(struct lt_tls *tls);
