/*
 * Addresses of AI services, and lists of where they may be: what administrators type. First line the list, then the address. However
 * odd they are: what may be asked is a name or an address outside, or literally this machine, or on the list.
 */
#include <assert.h>
#include <stdlib.h>

#include "io/address.h"
#include "io/outbound.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_url(struct lt_str text, bool nothing_listed)
{
    struct lt_error err;
    struct lt_url url;
    struct lt_ip ip;
    enum lt_code rc = lt_outbound_check_url(text, &err);
    assert(rc == LT_OK || rc == LT_EINVALID_INPUT || rc == LT_EOUTBOUND_REFUSED);
    if (rc != LT_OK) {
        assert(err.detail[0]);
        return;
    }
    assert(lt_url_parse(text, &url, &err) == LT_OK && url.host[0] && url.port >= 1 && url.port <= 65535);
    assert(url.authority.p >= text.p && url.path.p + url.path.n == text.p + text.n);
    if (lt_ip_parse(lt_str(url.host), &ip)) {
        enum lt_ip_kind kind = lt_ip_kind_of(&ip);
        assert(kind != LT_IP_NEVER && (!nothing_listed || kind == LT_IP_PUBLIC || kind == LT_IP_LOOPBACK));
        assert(url.https || !nothing_listed || kind == LT_IP_LOOPBACK);
    } else {
        assert(url.https || !nothing_listed || strncmp(url.host, "localhost", 9) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1);
    struct lt_error err;
    struct lt_network network;
    memcpy(copy, data, size);
    copy[size] = '\0';
    struct lt_str url = {copy, size}, list = lt_str_cut(&url, '\n');
    char *allow = strndup(list.p ? list.p : "", list.n);
    bool listed = *allow && lt_outbound_check_allow(allow, &err) == LT_OK;
    lt_network_parse(list, &network);
    enum lt_code rc = lt_outbound_setup(&(struct lt_outbound_options){.allow = listed ? allow : NULL, .proxy = listed ? NULL : allow}, &err);
    assert(rc == LT_OK || rc == LT_ECONFIG);
    if (rc != LT_OK)
        lt_outbound_setup(&(struct lt_outbound_options){0}, &err);
    if (url.p)
        check_url(url, !listed);
    free(allow);
    free(copy);
    return 0;
}
