/* Where the process may connect to: addresses, networks, URLs, and names whose addresses change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/address.h"
#include "io/outbound.h"

static void set_rules(const char *allow, const char *proxy, const char *no_proxy)
{
    struct lt_error err;
    if (lt_outbound_setup(&(struct lt_outbound_options){.allow = allow, .proxy = proxy, .no_proxy = no_proxy}, &err))
        fail_msg("%s", err.detail);
}

/* ---- addresses ---- */

static void test_each_range_from_its_first_to_its_last_address(void **state)
{
    enum { U = LT_IP_PUBLIC, H = LT_IP_LOOPBACK, P = LT_IP_PRIVATE, L = LT_IP_LINK_LOCAL, N = LT_IP_NEVER };
    static const struct {
        const char *ip;
        int kind;
    } table[] = {
        {"0.0.0.0", N}, {"0.255.255.255", N}, {"1.0.0.0", U},
        {"9.255.255.255", U}, {"10.0.0.0", P}, {"10.255.255.255", P}, {"11.0.0.0", U},
        {"100.63.255.255", U}, {"100.64.0.0", P}, {"100.100.100.199", P}, {"100.100.100.200", L}, {"100.100.100.201", P},
        {"100.127.255.255", P}, {"100.128.0.0", U},
        {"126.255.255.255", U}, {"127.0.0.0", H}, {"127.0.0.1", H}, {"127.255.255.255", H}, {"128.0.0.0", U},
        {"168.63.129.15", U}, {"168.63.129.16", L}, {"168.63.129.17", U},
        {"169.253.255.255", U}, {"169.254.0.0", L}, {"169.254.169.254", L}, {"169.254.255.255", L}, {"169.255.0.0", U},
        {"172.15.255.255", U}, {"172.16.0.0", P}, {"172.31.255.255", P}, {"172.32.0.0", U},
        {"191.255.255.255", U}, {"192.0.0.0", L}, {"192.0.0.192", L}, {"192.0.0.255", L}, {"192.0.1.0", U},
        {"192.167.255.255", U}, {"192.168.0.0", P}, {"192.168.255.255", P}, {"192.169.0.0", U},
        {"198.17.255.255", U}, {"198.18.0.0", P}, {"198.19.255.255", P}, {"198.20.0.0", U},
        {"223.255.255.255", U}, {"224.0.0.0", N}, {"239.255.255.255", N}, {"240.0.0.0", N}, {"255.255.255.255", N},
        {"8.8.8.8", U},
        {"::", N}, {"::1", H}, {"::2", N}, {"::7f00:1", H}, {"::ffff", N}, {"::a9fe:a9fe", L}, {"::8.8.8.8", U},
        {"::ffff:0.0.0.0", N}, {"::ffff:127.0.0.1", H}, {"::ffff:10.0.0.1", P}, {"::ffff:169.254.169.254", L}, {"::ffff:8.8.8.8", U},
        {"::ffff:255.255.255.255", N}, {"::fffe:127.0.0.1", U},
        {"64:ff9b::127.0.0.1", H}, {"64:ff9b::169.254.169.254", L}, {"64:ff9b::10.1.1.1", P}, {"64:ff9b::8.8.8.8", U},
        {"64:ff9b:1::", P}, {"64:ff9b:1:ffff:ffff:ffff:ffff:ffff", P}, {"64:ff9b:2::", U},
        {"100::", N}, {"100::ffff:ffff:ffff:ffff", N}, {"100:0:0:1::", U},
        {"2002:7f00:1::", H}, {"2002:a00:1::1", P}, {"2002:a9fe:a9fe::", L}, {"2002:808:808::1", U}, {"2002:ffff:ffff::", N},
        {"2001:0:4136:e378:8000:63bf:80ff:fffe", H}, /* Teredo with 127.0.0.1, inverted */
        {"2001:0:4136:e378:8000:63bf:5601:5601", L}, {"2001:0:4136:e378:8000:63bf:f7f7:f7f7", U}, {"2001:1::", U},
        {"2606:4700::1111", U}, {"2001:db8::1", U},
        {"fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", U}, {"fc00::", P}, {"fd00:ec1:ffff::", P}, {"fd00:ec2::", L}, {"fd00:ec2::254", L},
        {"fd00:ec2:ffff:ffff:ffff:ffff:ffff:ffff", L}, {"fd00:ec3::", P}, {"fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", P}, {"fe00::", U},
        {"fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", U}, {"fe80::", L}, {"fe80::1", L}, {"febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", L},
        {"fec0::", P}, {"feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", P}, {"ff00::", N}, {"ff02::1", N},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", N},
    };
    for (size_t i = 0; i < LT_COUNT(table); i++) {
        struct lt_ip ip;
        assert_true(lt_ip_parse(lt_str(table[i].ip), &ip));
        if ((int)lt_ip_kind_of(&ip) != table[i].kind)
            fail_msg("%s is %s, should be %s", table[i].ip, lt_ip_kind_name(lt_ip_kind_of(&ip)), lt_ip_kind_name((enum lt_ip_kind)table[i].kind));
    }
}

static void test_what_is_an_address(void **state)
{
    static const char *const good[] = {"1.2.3.4", "::1", "[::1]", "::ffff:1.2.3.4", "2001:DB8::"};
    static const char *const bad[] = {"",      "1",        "1.2.3",   "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", "0x7f.0.0.1",
                                      "[]",    "[::1",     "::1]",    "[1.2.3.4]", "fe80::1%1", ":::",      "12345::",  "127.1",
                                      "a.b.c", "1.2.3.4/8", "localhost"};
    struct lt_ip ip;
    for (size_t i = 0; i < LT_COUNT(good); i++)
        assert_true(lt_ip_parse(lt_str(good[i]), &ip));
    for (size_t i = 0; i < LT_COUNT(bad); i++)
        if (lt_ip_parse(lt_str(bad[i]), &ip))
            fail_msg("'%s' was taken", bad[i]);
    assert_false(lt_ip_parse((struct lt_str){"1.2.3.4\0", 8}, &ip));
}

static void test_networks(void **state)
{
    static const struct {
        const char *network, *in[2], *out[2];
    } good[] = {
        {"10.1.0.0/16", {"10.1.0.0", "10.1.255.255"}, {"10.0.255.255", "10.2.0.0"}},
        {"192.0.2.8/29", {"192.0.2.8", "192.0.2.15"}, {"192.0.2.7", "192.0.2.16"}},
        {"192.0.2.7", {"192.0.2.7", "::ffff:192.0.2.7"}, {"192.0.2.6", "::192.0.2.7"}},
        {"0.0.0.0/0", {"0.0.0.0", "255.255.255.255"}, {"::", "2001:db8::"}},
        {"2001:db8::/33", {"2001:db8::", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff"}, {"2001:db8:8000::", "2001:db7:ffff::"}},
        {"::1/128", {"::1", "::1"}, {"::", "::2"}},
        {"::/0", {"::", "1.2.3.4"}, {NULL, NULL}},
    };
    static const char *const bad[] = {"",        "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",  "10.0.0.1/8", "::1/129",
                                      "::1/127", "a/8",       "10.0.0.0/8/8", "/8",          "10/8"};
    struct lt_network network;
    struct lt_ip ip;
    for (size_t i = 0; i < LT_COUNT(good); i++) {
        assert_true(lt_network_parse(lt_str(good[i].network), &network));
        for (int k = 0; k < 2; k++) {
            assert_true(lt_ip_parse(lt_str(good[i].in[k]), &ip) && lt_network_has(&network, &ip));
            assert_true(!good[i].out[k] || (lt_ip_parse(lt_str(good[i].out[k]), &ip) && !lt_network_has(&network, &ip)));
        }
    }
    for (size_t i = 0; i < LT_COUNT(bad); i++)
        if (lt_network_parse(lt_str(bad[i]), &network))
            fail_msg("'%s' was taken", bad[i]);
}

/* ---- URLs ---- */

static void test_which_urls_may_be_asked(void **state)
{
    static const char *const allow = "ollama.lan, 10.1.0.0/16, 169.254.7.7, [2001:db8::5], Gate.Example, 0.0.0.0, 224.0.0.1";
    static const struct {
        const char *url;
        enum lt_code nothing_listed, listed, by_proxy; /* allow-list empty; as above; as above, with a proxy */
    } table[] = {
#define OK LT_OK
#define NO LT_EOUTBOUND_REFUSED
        {"https://api.openai.com/v1", OK, OK, NO},
        {"https://API.OpenAI.com:8443/v1?k=1", OK, OK, NO},
        {"https://8.8.8.8/", OK, OK, NO},
        {"https://past.example/", OK, OK, OK},     /* NO_PROXY */
        {"https://a.past.example/", OK, OK, OK},
        {"https://notpast.example/", OK, OK, NO},
        {"https://9.9.9.9/", OK, OK, OK},
        {"http://api.openai.com/v1", NO, NO, NO},
        {"http://8.8.8.8/", NO, NO, NO},
        {"http://127.0.0.1:11434", OK, OK, OK},
        {"https://127.0.0.1:11434", OK, OK, OK},
        {"http://127.9.9.9/", OK, OK, OK},
        {"http://[::1]:80/", OK, OK, OK},
        {"http://[::ffff:127.0.0.1]/", OK, OK, OK},
        {"http://localhost/", OK, OK, OK},
        {"http://LOCALHOST./", OK, OK, OK},
        {"http://foo.localhost/", NO, NO, NO},
        {"http://localhost.example/", NO, NO, NO},
        {"http://[64:ff9b::7f00:1]/", NO, NO, NO},
        {"https://[64:ff9b::7f00:1]/", NO, NO, NO},
        {"http://ollama.lan:11434/", NO, OK, OK},
        {"https://ollama.lan./", OK, OK, OK},
        {"http://gate.EXAMPLE/", NO, OK, OK},
        {"http://x.ollama.lan/", NO, NO, NO},
        {"http://10.1.255.255/", NO, OK, OK},
        {"https://10.1.0.0/", NO, OK, OK},
        {"https://10.2.0.0/", NO, NO, NO},
        {"https://192.168.1.1/", NO, NO, NO},
        {"https://100.64.0.1/", NO, NO, NO},
        {"https://[fd12::1]/", NO, NO, NO},
        {"https://[2001:db8::5]/", OK, OK, OK},
        {"http://[2001:db8::5]/", NO, OK, OK},
        {"https://169.254.169.254/latest/meta-data", NO, NO, NO},
        {"http://169.254.169.254/latest/meta-data", NO, NO, NO},
        {"https://[::ffff:169.254.169.254]/", NO, NO, NO},
        {"https://[fe80::1]/", NO, NO, NO},
        {"https://169.254.7.7/", NO, OK, OK},
        {"https://0.0.0.0/", NO, NO, NO},          /* listed, and yet */
        {"https://224.0.0.1/", NO, NO, NO},
        {"https://metadata.google.internal/", NO, NO, NO},
        {"https://METADATA.google.internal./", NO, NO, NO},
        {"https://metadata/", NO, NO, NO},
        {"https://instance-data/", NO, NO, NO},
        {"https://2130706433/", NO, NO, NO},       /* 127.0.0.1 to some resolvers */
        {"http://2130706433/", NO, NO, NO},
        {"http://127.1/", NO, NO, NO},
        {"http://0x7f000001/", NO, NO, NO},
        {"http://0x7f.0x0.0x0.0x1/", NO, NO, NO},
        {"http://0177.0.0.1/", NO, NO, NO},
        {"http://127.0.0.1.:80/", NO, NO, NO},
        {"https://[fe80::1%25eth0]/", NO, NO, NO},
        {"https://a..b/", NO, NO, NO},
        {"https://.a/", NO, NO, NO},
        {"https://a%2eb/", NO, NO, NO},
        {"https://user:pass@api.openai.com/", LT_EINVALID_INPUT, LT_EINVALID_INPUT, LT_EINVALID_INPUT},
        {"https://127.0.0.1#@api.openai.com/", LT_EINVALID_INPUT, LT_EINVALID_INPUT, LT_EINVALID_INPUT},
        {"ftp://127.0.0.1/", LT_EINVALID_INPUT, LT_EINVALID_INPUT, LT_EINVALID_INPUT},
        {"file:///etc/passwd", LT_EINVALID_INPUT, LT_EINVALID_INPUT, LT_EINVALID_INPUT},
        {"https://", LT_EINVALID_INPUT, LT_EINVALID_INPUT, LT_EINVALID_INPUT},
        {"", LT_EINVALID_INPUT, LT_EINVALID_INPUT, LT_EINVALID_INPUT},
#undef OK
#undef NO
    };
    struct lt_error err;
    for (int with = 0; with < 3; with++) {
        set_rules(with > 0 ? allow : NULL, with == 2 ? "http://user:SECRET@proxy.lan:3128" : NULL, "past.example, .ignored.example, 9.9.9.0/24");
        for (size_t i = 0; i < LT_COUNT(table); i++) {
            enum lt_code want = with == 0 ? table[i].nothing_listed : with == 1 ? table[i].listed : table[i].by_proxy;
            enum lt_code rc = lt_outbound_check_url(lt_str(table[i].url), &err);
            if (rc != want)
                fail_msg("%s with rules %d: %s (%s)", table[i].url, with, lt_code_name(rc), rc ? err.detail : "");
            assert_true(rc == LT_OK || (err.detail[0] && !strstr(err.detail, "k=1") && !strstr(err.detail, "SECRET")));
        }
    }
    set_rules(NULL, "http://proxy.lan:3128", "*");
    assert_int_equal(lt_outbound_check_url(LT_STR("https://api.openai.com/"), &err), LT_OK);
    set_rules(NULL, NULL, NULL);
}

static void test_lists_and_proxies_that_are_wrong_are_named(void **state)
{
    static const struct {
        const char *allow, *proxy, *why;
    } table[] = {
        {"a.example,", NULL, NULL},
        {"a.example,,b", NULL, "''"},
        {"http://a.example", NULL, "'http://a.example'"},
        {"a.example:80", NULL, "'a.example:80'"},
        {"*.example", NULL, "'*.example'"},
        {"a b", NULL, "'a b'"},
        {"10.0.0.1/8", NULL, "'10.0.0.1/8'"},
        {"10.0.0.0/99", NULL, "'10.0.0.0/99'"},
        {"999.0.0.1", NULL, "'999.0.0.1'"},
        {"127.1", NULL, "'127.1'"},
        {"a..b", NULL, "'a..b'"},
        {"-", NULL, NULL},
        {" a_b.example , 2001:db8::/32 ", NULL, NULL},
        {NULL, "proxy.lan:3128", NULL},
        {NULL, "http://proxy.lan", NULL},
        {NULL, "http://u:SECRET@proxy.lan:3128/", NULL},
        {NULL, "HTTP://u%40x:SECRET%3a@[::1]:3128", NULL},
        {NULL, "https://u:SECRET@proxy.lan", "only proxies at http://"},
        {NULL, "socks5://u:SECRET@proxy.lan", "only proxies at http://"},
        {NULL, "http://u:SECRET@", "HTTPS_PROXY: URL: the host is missing"},
        {NULL, "http://u:SECRET@proxy:99999", "the port is not a number"},
        {NULL, "http://u:SECRET%zz@proxy", "user and password cannot be read"},
    };
    for (size_t i = 0; i < LT_COUNT(table); i++) {
        struct lt_error err = {0};
        enum lt_code rc = lt_outbound_setup(&(struct lt_outbound_options){.allow = table[i].allow, .proxy = table[i].proxy}, &err);
        if ((rc == LT_OK) != (table[i].why == NULL) || (rc && (rc != LT_ECONFIG || !strstr(err.detail, table[i].why))))
            fail_msg("row %zu: %s %s", i, lt_code_name(rc), err.detail);
        assert_null(strstr(err.detail, "SECRET"));
        if (table[i].allow)
            assert_int_equal(lt_outbound_check_allow(table[i].allow, &err), rc);
    }
    set_rules(NULL, NULL, NULL);
}

static void test_a_list_has_an_end(void **state)
{
    char list[8 * (LT_OUTBOUND_ENTRIES_MAX + 1)];
    struct lt_error err;
    for (int n = LT_OUTBOUND_ENTRIES_MAX; n <= LT_OUTBOUND_ENTRIES_MAX + 1; n++) {
        size_t at = 0;
        for (int i = 0; i < n; i++)
            at += (size_t)snprintf(list + at, sizeof(list) - at, "%sh%d", i ? "," : "", i);
        assert_int_equal(lt_outbound_check_allow(list, &err), n <= LT_OUTBOUND_ENTRIES_MAX ? LT_OK : LT_ECONFIG);
    }
}

/* ---- addresses behind names ---- */

static int answers; /* how often rebind.test was asked for */

static void answer(struct evdns_server_request *r, void *arg)
{
    static const struct {
        const char *name, *addresses[3];
    } names[] = {
        {"here.test", {"127.0.0.1"}},           {"meta.test", {"169.254.169.254"}}, {"lan.test", {"10.1.2.3"}},
        {"both.test", {"10.1.2.3", "127.0.0.1"}}, {"none.test", {"0.0.0.0"}},
    };
    const char *name = r->questions[0]->name;
    struct in_addr list[3];
    int n = 0;
    if (r->questions[0]->type == EVDNS_TYPE_A) {
        for (size_t i = 0; i < LT_COUNT(names); i++)
            for (size_t k = 0; strcmp(name, names[i].name) == 0 && k < 3 && names[i].addresses[k]; k++)
                inet_pton(AF_INET, names[i].addresses[k], &list[n++]);
        if (strcmp(name, "rebind.test") == 0) /* a public one at first, then ours */
            inet_pton(AF_INET, answers++ == 0 ? "203.0.113.9" : "127.0.0.1", &list[n++]);
    }
    if (n > 0)
        evdns_server_request_add_a_reply(r, name, n, list, 0);
    evdns_server_request_respond(r, DNS_ERR_NONE);
}

static struct evdns_server_port *serve_names(struct lt_loop *loop)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    char address[32];
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    snprintf(address, sizeof(address), "127.0.0.1:%d", ntohs(a.sin_port));
    evdns_base_clear_nameservers_and_suspend(lt_loop_dns(loop));
    evdns_base_search_clear(lt_loop_dns(loop));
    assert_int_equal(evdns_base_nameserver_ip_add(lt_loop_dns(loop), address), 0);
    evdns_base_resume(lt_loop_dns(loop));
    return evdns_add_server_port_with_base(lt_loop_base(loop), fd, 0, answer, NULL);
}

/* The service that must not be reached: how many connections it has got. */
static int listener;

static int reached(void)
{
    int n = 0, fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        close(fd);
        n++;
    }
    return n;
}

static int listen_here(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(listener, 16), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &n), 0);
    return ntohs(a.sin_port);
}

static enum lt_code try_to_connect(struct lt_loop *loop, const char *host, int port, struct lt_error *err)
{
    char text[100];
    struct lt_url url;
    struct lt_conn *c;
    snprintf(text, sizeof(text), "http://%s:%d/", host, port);
    assert_int_equal(lt_url_parse(lt_str(text), &url, err), LT_OK);
    *err = (struct lt_error){0};
    enum lt_code rc = lt_outbound_connect(loop, &url, NULL, lt_loop_now(loop) + 500, &c, err);
    assert_true((rc == LT_OK) == (c != NULL));
    lt_conn_close(c, true);
    return rc;
}

static enum lt_code check(void *ctx, const struct sockaddr *to, struct lt_error *err)
{
    return lt_outbound_check_address(ctx, to, err);
}

/* As lt_outbound_connect() does it for https, but for TLS, which the listener does not speak. */
static enum lt_code dial_checked(struct lt_loop *loop, const char *host, int port, struct lt_error *err)
{
    char text[100];
    struct lt_url url;
    struct lt_conn *c;
    snprintf(text, sizeof(text), "https://%s:%d/", host, port);
    assert_int_equal(lt_url_parse(lt_str(text), &url, err), LT_OK);
    *err = (struct lt_error){0};
    enum lt_code rc = lt_conn_dial(loop, host, port, &(struct lt_conn_gate){check, &url}, lt_loop_now(loop) + 500, &c, err);
    lt_conn_close(c, true);
    return rc;
}

static void names(struct lt_loop *loop)
{
    struct evdns_server_port *dns = serve_names(loop);
    struct lt_error err;
    int port = listen_here();

    /* names that lead inside are refused before a packet goes there */
    static const struct {
        const char *host, *why;
    } inside[] = {{"here.test", "127.0.0.1 is a loopback address"}, {"meta.test", "169.254.169.254 is a link-local or metadata address"},
                  {"lan.test", "10.1.2.3 is a private address"},    {"both.test", "is a loopback address"},
                  {"none.test", "0.0.0.0 is an address that nobody can have"}};
    for (size_t i = 0; i < LT_COUNT(inside); i++) {
        uint64_t begin = lt_loop_now(loop);
        assert_int_equal(dial_checked(loop, inside[i].host, port, &err), LT_EOUTBOUND_REFUSED);
        assert_non_null(strstr(err.detail, inside[i].why));
        assert_true(lt_loop_now(loop) - begin < 400); /* nobody was waited for */
    }
    assert_int_equal(reached(), 0);

    /* rebinding: the address of the very connection counts, not the one of the last look */
    assert_int_not_equal(dial_checked(loop, "rebind.test", port, &err), LT_EOUTBOUND_REFUSED);
    assert_int_equal(dial_checked(loop, "rebind.test", port, &err), LT_EOUTBOUND_REFUSED);
    assert_int_equal(reached(), 0);
    assert_true(answers >= 2);

    /* http: the host must be literal, or on the list */
    assert_int_equal(try_to_connect(loop, "here.test", port, &err), LT_EOUTBOUND_REFUSED);
    assert_int_equal(try_to_connect(loop, "127.0.0.1", port, &err), LT_OK);
    assert_int_equal(reached(), 1);

    /* a name of the list opens what is behind it, but for link-local; a network opens itself */
    set_rules("here.test, meta.test, none.test", NULL, NULL);
    assert_int_equal(try_to_connect(loop, "here.test", port, &err), LT_OK);
    assert_int_equal(try_to_connect(loop, "meta.test", port, &err), LT_EOUTBOUND_REFUSED);
    assert_int_equal(try_to_connect(loop, "none.test", port, &err), LT_EOUTBOUND_REFUSED);
    assert_int_equal(reached(), 1);
    set_rules("127.0.0.0/8", NULL, NULL);
    assert_int_equal(dial_checked(loop, "here.test", port, &err), LT_OK);
    assert_int_equal(dial_checked(loop, "rebind.test", port, &err), LT_OK);
    assert_int_equal(reached(), 2);
    assert_int_equal(dial_checked(loop, "both.test", port, &err), LT_OK); /* the address that is refused is passed over */
    assert_int_equal(reached(), 1);
    set_rules(NULL, NULL, NULL);
    evdns_close_server_port(dns);
    close(listener);
}

static void main_fiber(void *arg)
{
    names(arg);
    lt_loop_stop(arg);
}

static void test_the_address_that_is_connected_to_is_checked(void **state)
{
    struct lt_error err;
    struct lt_loop *loop = lt_loop_new(0, &err);
    assert_non_null(loop);
    assert_int_equal(lt_fiber_start(loop, main_fiber, loop, NULL), LT_OK);
    lt_loop_run(loop);
    lt_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_range_from_its_first_to_its_last_address),
        cmocka_unit_test(test_what_is_an_address),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_which_urls_may_be_asked),
        cmocka_unit_test(test_lists_and_proxies_that_are_wrong_are_named),
        cmocka_unit_test(test_a_list_has_an_end),
        cmocka_unit_test(test_the_address_that_is_connected_to_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
