#include "io/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "io/worker.h"

struct lt_tls {
    SSL_CTX *ctx;
    atomic_bool ready;    /* nothing is left to be read */
    pthread_mutex_t lock; /* of who reads it */
};

/* The reason OpenSSL gave last, as text; clears its queue. */
static void reason(char *out, size_t n)
{
    unsigned long e = ERR_peek_last_error();
    const char *text = ERR_reason_error_string(e);

    if (text)
        snprintf(out, n, "%s", text);
    else
        ERR_error_string_n(e, out, n);
    ERR_clear_error();
}

/*
 * Partial writes and moving buffers because a write is tried again from another buffer position after a wait; released buffers
 * because most connections of a busy daemon are idle. No renegotiation: only attacks use it.
 */
static enum lt_code make(const SSL_METHOD *method, struct lt_tls **ret, struct lt_error *err)
{
    struct lt_tls *tls = calloc(1, sizeof *tls);

    *ret = NULL;
    ERR_clear_error();
    if (tls) {
        pthread_mutex_init(&tls->lock, NULL);
        atomic_init(&tls->ready, true);
        tls->ctx = SSL_CTX_new(method);
    }
    if (!tls || !tls->ctx || !SSL_CTX_set_min_proto_version(tls->ctx, TLS1_2_VERSION)) {
        lt_tls_free(tls);
        ERR_clear_error();
        return lt_fail(err, LT_EINTERNAL, "OpenSSL gives no TLS context");
    }
    SSL_CTX_set_mode(tls->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(tls->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_max_early_data(tls->ctx, 0);
    *ret = tls;
    return LT_OK;
}

enum lt_code lt_tls_client_new(const char *ca_file, struct lt_tls **ret, struct lt_error *err)
{
    enum lt_code code = make(TLS_client_method(), ret, err);
    char why[160];

    if (code != LT_OK)
        return code;
    SSL_CTX_set_verify((*ret)->ctx, SSL_VERIFY_PEER, NULL);
    atomic_store(&(*ret)->ready, ca_file != NULL);
    if (!ca_file || SSL_CTX_load_verify_file((*ret)->ctx, ca_file) == 1)
        return LT_OK;
    reason(why, sizeof why);
    lt_tls_free(*ret);
    *ret = NULL;
    return lt_fail(err, LT_ECONFIG, "certificates of authorities (%s): %s", ca_file, why);
}

/* What cannot be read is missing from the store: no certificate is trusted then. OpenSSL takes a missing file as an empty one, too. */
static void read_store(void *arg)
{
    struct lt_tls *tls = arg;

    pthread_mutex_lock(&tls->lock);
    if (!atomic_load_explicit(&tls->ready, memory_order_relaxed)) {
        if (SSL_CTX_set_default_verify_paths(tls->ctx) != 1)
            ERR_clear_error();
        atomic_store_explicit(&tls->ready, true, memory_order_release);
    }
    pthread_mutex_unlock(&tls->lock);
}

enum lt_code lt_tls_ready(struct lt_tls *tls)
{
    if (atomic_load_explicit(&tls->ready, memory_order_acquire))
        return LT_OK;
    return lt_work(read_store, tls);
}

enum lt_code lt_tls_server_new(const char *cert_file, const char *key_file, struct lt_tls **ret, struct lt_error *err)
{
    enum lt_code code = make(TLS_server_method(), ret, err);
    const char *what = cert_file;
    char why[160];

    if (code != LT_OK)
        return code;
    SSL_CTX_set_options((*ret)->ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
    if (SSL_CTX_use_certificate_chain_file((*ret)->ctx, cert_file) == 1) {
        what = key_file;
        if (SSL_CTX_use_PrivateKey_file((*ret)->ctx, key_file, SSL_FILETYPE_PEM) == 1 &&
            SSL_CTX_check_private_key((*ret)->ctx) == 1)
            return LT_OK;
    }
    reason(why, sizeof why);
    lt_tls_free(*ret);
    *ret = NULL;
    return lt_fail(err, LT_ECONFIG, "TLS %s %s: %s", what == cert_file ? "certificate" : "key", what, why);
}

void lt_tls_free(struct lt_tls *tls)
{
    if (!tls)
        return;
    SSL_CTX_free(tls->ctx);
    pthread_mutex_destroy(&tls->lock);
    free(tls);
}

void *lt_tls_ctx(struct lt_tls *tls)
{
    return tls->ctx;
}
