/*
 * The machine and the network around a daemon: files, disk, database, clock, what answers where. Only the operator asks (`lectern doctor`); what is said
 * names no path.
 */
#include "api/doctor_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/limit.h"
#include "core/policy_text.h"
#include "io/fiber.h"
#include "io/http_client.h"
#include "io/tls.h"
#include "io/url.h"

enum {
    ASK_MS = 5000,             /* one server */
    SERVERS_MAX = 20,
    SKEW_S = 60,               /* beyond which tokens and limits go wrong */
    SYNC_SLOW_MS = 100,
    WAL_LARGE = 256 << 20,
};

/* ---- files ---- */

static void look_at_file(struct lt_check_run *r, const char *path, const char *what, mode_t too_much)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        if (errno != ENOENT)
            lt_check_say(r, LT_FINDING_WARNING, "Run the doctor as the daemon's user.", "%s cannot be looked at.", what);
        return;
    }
    if (st.st_mode & too_much)
        lt_check_say(r, LT_FINDING_ERROR, "Take the rights of group and others away (chmod go=).", "%s can be read or written by others (mode %03o).", what,
                     (unsigned)(st.st_mode & 0777));
    if (st.st_uid != geteuid() && geteuid() != 0)
        lt_check_say(r, LT_FINDING_WARNING, "Run the doctor as the daemon's user, or give it the file (chown).", "%s belongs to another user.", what);
}

/* The daemon's user by what it owns: the doctor may be somebody else's. */
static void look_at_user(struct lt_check_run *r)
{
    struct stat st;
    if (stat(r->d->data_dir, &st) == 0 && st.st_uid == 0)
        lt_check_say(r, LT_FINDING_WARNING, "Give it a user of its own, as share/systemd/lectern.service does: it needs no rights of root.", "The data directory is root's.");
}

static void look_at_files(struct lt_check_run *r)
{
    if (r->d->data_dir) {
        look_at_user(r);
        look_at_file(r, r->d->data_dir, "The data directory", 0027);
        look_at_file(r, lt_printf(r->arena, "%s/lectern.db", r->d->data_dir).p, "The database", 0077);
        look_at_file(r, lt_printf(r->arena, "%s/lectern.db-wal", r->d->data_dir).p, "The database's log", 0077);
    }
    if (r->d->deployment->master_key_file)
        look_at_file(r, r->d->deployment->master_key_file, "The master key file", 0077);
}

/* ---- the disk ---- */

/* statfs(2). What these do with locks and syncs is not what SQLite needs. */
static const struct {
    long magic;
    const char *name;
} bad_systems[] = {{0x6969, "NFS"}, {0x517b, "SMB"}, {0xff534d42L, "CIFS"}, {0xfe534d42L, "SMB2"}, {0x65735546, "FUSE"}, {0x01021994, "tmpfs"}, {0x01021997, "9p"}};

static void look_at_file_system(struct lt_check_run *r)
{
    struct statfs fs;
    if (!r->d->data_dir || statfs(r->d->data_dir, &fs) != 0)
        return;
    for (size_t i = 0; i < LT_COUNT(bad_systems); i++)
        if ((unsigned long)fs.f_type == (unsigned long)bad_systems[i].magic)
            lt_check_say(r, LT_FINDING_WARNING, "Put the data directory on a local disk (ext4, XFS, Btrfs, ZFS).",
                         "The data directory is on %s, which does not keep what SQLite needs: locks, or what was acknowledged when power fails.", bad_systems[i].name);
}

/* Median of a few syncs of a page. */
static void look_at_sync(struct lt_check_run *r)
{
    enum { TRIES = 5 };
    uint64_t took[TRIES];
    char page[4096] = {0}, *path = (char *)(uintptr_t)lt_printf(r->arena, "%s/doctor-XXXXXX", r->d->data_dir ? r->d->data_dir : "/tmp").p;
    int fd = r->d->data_dir ? mkstemp(path) : -1;
    if (fd < 0) {
        lt_check_say(r, LT_FINDING_ERROR, "Give the daemon's user the right to write there; run the doctor as that user.", "Nothing can be written to the data directory.");
        return;
    }
    unlink(path);
    bool written = true;
    for (int i = 0; i < TRIES; i++) {
        uint64_t began = lt_mono_us();
        written = written && write(fd, page, sizeof(page)) == (ssize_t)sizeof(page) && fdatasync(fd) == 0;
        took[i] = lt_mono_us() - began;
        for (int k = i; k > 0 && took[k - 1] > took[k]; k--) {
            uint64_t t = took[k];
            took[k] = took[k - 1];
            took[k - 1] = t;
        }
    }
    close(fd);
    if (!written)
        lt_check_say(r, LT_FINDING_ERROR, "Look at space, quota and the disk's health.", "What is written to the data directory cannot be synced.");
    else if (took[TRIES / 2] > SYNC_SLOW_MS * 1000)
        lt_check_say(r, LT_FINDING_WARNING, "Give the database a faster disk: each answer waits for a sync.", "A sync takes %llu ms.", (unsigned long long)took[TRIES / 2] / 1000);
}

static void look_at_storage(struct lt_check_run *r)
{
    look_at_file_system(r);
    look_at_sync(r);
}

/* ---- the database ---- */

static int64_t one_int(struct lt_check_run *r, const char *sql)
{
    struct lt_rows rows;
    struct lt_error err;
    return lt_store_query(r->d->store, r->arena, sql, NULL, 0, 1, &rows, &err) || rows.rows == 0 ? -1 : lt_rows_int(&rows, 0, 0);
}

static void look_at_pages(struct lt_check_run *r)
{
    int64_t all = one_int(r, "SELECT page_count FROM pragma_page_count"), free_pages = one_int(r, "SELECT freelist_count FROM pragma_freelist_count");
    if (all > 10000 && free_pages > all / 2)
        lt_check_say(r, LT_FINDING_OK, "Nothing must be done: the room is used again.", "%lld of %lld pages of the database are free.", (long long)free_pages, (long long)all);
}

static void say_unchecked(struct lt_check_run *r, const char *why)
{
    if (strstr(why, "interrupt"))
        lt_check_say(r, LT_FINDING_OK, "", "The database is too large to be checked in a second.");
    else
        lt_check_say(r, LT_FINDING_ERROR, "Stop the daemon, keep a copy, restore the last backup; look at the disk's health.", "The database is damaged: %s", why);
}

static void look_at_database(struct lt_check_run *r)
{
    struct lt_rows rows;
    struct lt_error err;
    struct stat st;
    int has = lt_store_schema(r->d->store), newest = lt_store_schema_newest();
    if (has != newest)
        lt_check_say(r, LT_FINDING_ERROR, "Run `lectern migrate`, or the program that fits.", "The database is at version %d, the program at %d.", has, newest);
    if (lt_store_is_postgres(r->d->store)) {
        lt_check_postgres(r);
        return;
    }
    if (lt_store_query(r->d->store, r->arena, "SELECT quick_check FROM pragma_quick_check(20)", NULL, 0, 20, &rows, &err))
        say_unchecked(r, err.detail);
    else
        for (size_t i = 0; i < rows.rows; i++)
            if (!lt_str_is(lt_rows_str(&rows, i, 0), "ok"))
                lt_check_say(r, LT_FINDING_ERROR, "Stop the daemon, keep a copy, restore the last backup; look at the disk's health.", "The database is damaged: %.*s",
                             LT_FMT(lt_rows_str(&rows, i, 0)));
    if (r->d->data_dir && stat(lt_printf(r->arena, "%s/lectern.db-wal", r->d->data_dir).p, &st) == 0 && st.st_size > WAL_LARGE)
        lt_check_say(r, LT_FINDING_WARNING, "Some reader keeps it from being moved: see which other programs have the database open.", "The database's log has %lld MiB.",
                     (long long)st.st_size >> 20);
    look_at_pages(r);
}

/* ---- the network ---- */

struct server {
    struct lt_str url;
    const char *what;          /* "Provider 'x'" */
    enum lt_code code;
    char detail[400];
    int64_t skew_s;            /* its Date less ours */
    bool dated;
};

struct servers {
    struct lt_loop *loop;
    struct lt_tls *tls;
    struct server list[SERVERS_MAX];
    size_t n, left_out;
};

/* The scheme and host of an address: what stands behind may cost money, or hold a key. */
static void add_server(struct lt_check_run *r, struct servers *s, struct lt_str address, bool whole, const char *what)
{
    struct lt_url url;
    struct lt_error err;
    if (lt_url_parse(address, &url, &err))
        return;
    struct lt_str base = lt_printf(r->arena, "%s://%.*s/", url.https ? "https" : "http", LT_FMT(url.authority));
    if (s->n == SERVERS_MAX) {
        s->left_out++;
        return;
    }
    s->list[s->n++] = (struct server){.url = whole ? address : base, .what = what};
}

/* RFC 9110 §5.6.7, in the form that everybody writes. */
static bool read_date(struct lt_str text, int64_t *ret)
{
    char z[40];
    struct tm tm = {0};
    if (text.n == 0 || text.n >= sizeof(z))
        return false;
    memcpy(z, text.p, text.n);
    z[text.n] = '\0';
    const char *end = strptime(z, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    *ret = (int64_t)timegm(&tm);
    return end && *end == '\0';
}

static void ask(struct servers *all, struct server *s)
{
    struct lt_error err = {0};
    struct lt_http_reply *reply = NULL;
    struct lt_http_call call = {.method = "GET", .url = s->url, .tls = all->tls, .deadline_ms = lt_loop_now(all->loop) + ASK_MS, .max_body = 1 << 20};
    int64_t date;
    s->code = lt_http_send(all->loop, &call, &reply, &err);
    snprintf(s->detail, sizeof(s->detail), "%s", err.detail);
    if (s->code == LT_OK && read_date(lt_http_field(lt_http_reply_head(reply), "Date", NULL), &date)) {
        s->dated = true;
        s->skew_s = date - lt_now_ms() / 1000;
    }
    lt_http_reply_close(reply);
}

static void ask_all(void *arg)
{
    struct servers *s = arg;
    for (size_t i = 0; i < s->n; i++)
        ask(s, &s->list[i]);
    lt_loop_stop(s->loop);
}

static void say_unreachable(struct lt_check_run *r, const struct server *s)
{
    if (s->code == LT_OK)
        return;
    const char *advice = s->code == LT_EOUTBOUND_REFUSED ? "Allow it with outbound_allow, or correct the address."
                         : strstr(s->detail, "certificate") ? "Have its certificate renewed, correct the address, or name its authority (tls_ca)."
                                                            : "Look at the address, at names (DNS), the firewall and the proxy.";
    lt_check_say(r, s->code == LT_EOUTBOUND_REFUSED ? LT_FINDING_ERROR : LT_FINDING_WARNING, advice, "%s cannot be reached: %s", s->what, s->detail);
}

static void look_at_network(struct lt_check_run *r)
{
    struct servers s = {.tls = r->d->deployment->tls};
    struct lt_error err;
    const struct lt_site *site = r->d->site;
    for (size_t i = 0; i < site->instances_n; i++) {
        const struct lt_provider_instance *p = site->instances[i];
        if (p->enabled && p->configured)
            add_server(r, &s, lt_json_str(lt_json_get(p->config, "endpoint")), false, lt_printf(r->arena, "Provider '%.*s'", LT_FMT(p->name)).p);
    }
    for (size_t i = 0; i < r->d->config->issuers_n; i++) {
        const struct lt_jwt_issuer *issuer = &r->d->config->issuers[i];
        if (issuer->site == site && issuer->jwks_url.n > 0)
            add_server(r, &s, issuer->jwks_url, true, lt_printf(r->arena, "The keys of issuer '%.*s'", LT_FMT(issuer->iss)).p);
    }
    if (s.n == 0)
        return;
    s.loop = lt_loop_new(0, &err);
    if (!s.loop || lt_fiber_start(s.loop, ask_all, &s, NULL)) {
        lt_check_say(r, LT_FINDING_WARNING, "Look again.", "The network could not be looked at.");
    } else {
        lt_loop_run(s.loop);
        for (size_t i = 0; i < s.n; i++) {
            say_unreachable(r, &s.list[i]);
            if (s.list[i].dated && (s.list[i].skew_s > SKEW_S || s.list[i].skew_s < -SKEW_S))
                lt_check_say(r, LT_FINDING_ERROR, "Set the machine's clock (NTP): tokens, limits and signatures go by it.", "%s says that the clock here is %lld s %s.",
                             s.list[i].what, (long long)(s.list[i].skew_s > 0 ? s.list[i].skew_s : -s.list[i].skew_s), s.list[i].skew_s > 0 ? "behind" : "ahead");
        }
        if (s.left_out > 0)
            lt_check_say(r, LT_FINDING_OK, "", "%zu more servers were not asked.", s.left_out);
    }
    if (s.loop)
        lt_loop_free(s.loop);
}

/* ---- what the site has set ---- */

static bool has_instance(const struct lt_site *site, struct lt_str id)
{
    int64_t number = 0;
    return id.n == 0 || (lt_str_to_int64(id, &number) && lt_site_instance(site, id));
}

static void look_at_rules(struct lt_check_run *r)
{
    size_t n;
    const struct lt_site *site = r->d->site;
    const struct lt_limit *all = lt_limit_index_all(site->limits, &n);
    for (size_t i = 0; i < n; i++) {
        if (all[i].amount == 0 && all[i].when_spent == LT_SPENT_REFUSE && all[i].subject == LT_LIMIT_SITE)
            lt_check_say(r, LT_FINDING_WARNING, "Use a switch or the emergency stop to keep AI off; else raise the amount.", "Limit %lld allows nothing at all.", (long long)all[i].id);
        if (all[i].subject == LT_LIMIT_PROVIDER && !has_instance(site, all[i].subject_id))
            lt_check_say(r, LT_FINDING_WARNING, "Remove it, or give it a provider that there is.", "Limit %lld is of a provider that is not there: it never counts.",
                         (long long)all[i].id);
        if (all[i].subject == LT_LIMIT_ROLE && all[i].subject_id.n > 0 && lt_role_parse(all[i].subject_id) < 0)
            lt_check_say(r, LT_FINDING_WARNING, "Remove it, or give it a role that there is.", "Limit %lld is of a role that is not there: it never counts.", (long long)all[i].id);
    }
    bool own = site->policy_texts_n == 0;
    for (size_t i = 0; i < site->policy_texts_n; i++)
        own |= lt_str_eq_ci(site->policy_texts[i].language, site->language);
    if (!own)
        lt_check_say(r, LT_FINDING_WARNING, "Add a text in that language.", "The policy in force has no text in the site's language, '%.*s'.", LT_FMT(site->language));
}

const struct lt_check lt_deploy_checks[] = {
    {"files", "Rights of files", look_at_files, "Data and keys are the daemon's alone."},
    {"storage", "Disk", look_at_storage, "The disk keeps what it is given, and fast enough."},
    {"database", "Database", look_at_database, "The database is sound and of the right version."},
    {"network", "Servers that are asked", look_at_network, "All providers and issuers answer, and agree on the time."},
    {"rules", "Limits and policy texts", look_at_rules, "Every limit can count, and the policy has a text in the site's language."},
};
const size_t lt_deploy_checks_n = LT_COUNT(lt_deploy_checks);
