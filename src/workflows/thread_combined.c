/* Local and remote thread as one list. Pure: JSON in, JSON out. Fuzzed by tests/fuzz/fuzz_thread.c. */
#include "workflows/thread.h"

#include <stdlib.h>

#include "base/clock.h"

/* Messages are the same when role and the first characters of the content are. */
struct key {
    struct lt_str role, start;
};

struct local {
    struct key key;
    const struct lt_json *message;
    int64_t time;          /* ms; INT64_MAX when there is none that can be read: it goes to the end */
    size_t place;          /* before which remote item it goes */
    bool used;             /* it has given its timestamp to a remote one */
    struct local *next;    /* of the same bucket */
};

struct seen {
    struct key key;
    struct seen *next;
};

struct combine {
    struct lt_arena *arena;
    struct lt_jw *w;
    struct local *locals;
    size_t locals_n;
    size_t buckets;                /* a power of two */
    struct local **local_buckets;  /* each in the order of the thread */
    struct seen **seen_buckets;    /* what stands in the remote thread */
};

/* One remote item that is kept. */
struct item {
    const struct lt_json *response, *item; /* item NULL: an error */
    bool output;
    struct local *local;                   /* the same message, or NULL */
    int64_t latest;                        /* ms: the latest time up to here; INT64_MIN before the first that has one */
};

/* ---- keys ---- */

static struct lt_str first_characters(struct lt_str s)
{
    size_t i = 0;
    for (int n = 0; i < s.n && n < LT_THREAD_KEY_CHARACTERS; n++)
        for (i++; i < s.n && ((unsigned char)s.p[i] & 0xC0) == 0x80; i++)
            ;
    return (struct lt_str){s.p, i};
}

static struct key key_of(struct lt_arena *arena, const struct lt_json *message)
{
    const struct lt_json *content = lt_json_get(message, "content");
    struct lt_str text = lt_json_is(content, LT_JSON_STRING) ? lt_json_str(content) : content ? lt_json_text(arena, content) : LT_STR("");
    return (struct key){lt_json_str(lt_json_get(message, "role")), first_characters(text)};
}

static bool same(struct key a, struct key b)
{
    return lt_str_eq(a.role, b.role) && lt_str_eq(a.start, b.start);
}

/* FNV-1a */
static size_t bucket(const struct combine *c, struct key key)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < key.role.n; i++)
        h = (h ^ (unsigned char)key.role.p[i]) * 1099511628211u;
    for (size_t i = 0; i < key.start.n; i++)
        h = (h ^ (unsigned char)key.start.p[i]) * 1099511628211u;
    return (size_t)(h ^ h >> 32) & (c->buckets - 1);
}

static bool is_seen(const struct combine *c, struct key key)
{
    for (const struct seen *s = c->seen_buckets[bucket(c, key)]; s; s = s->next)
        if (same(s->key, key))
            return true;
    return false;
}

static void add_seen(struct combine *c, struct key key)
{
    size_t b = bucket(c, key);
    struct seen *s = LT_NEW(c->arena, struct seen);
    *s = (struct seen){key, c->seen_buckets[b]};
    c->seen_buckets[b] = s;
}

/* The first local message of that key which has not been used. */
static struct local *take_local(struct combine *c, struct key key)
{
    struct local *l = c->local_buckets[bucket(c, key)];
    while (l && (l->used || !same(l->key, key)))
        l = l->next;
    if (l)
        l->used = true;
    return l;
}

/* ---- times ---- */

static int64_t time_of(const struct lt_json *v, int64_t otherwise)
{
    int64_t ms;
    return lt_time_parse(lt_json_str_or(v, LT_STR("")), &ms) ? ms : otherwise;
}

/* ---- the remote items ---- */

static void read_locals(struct combine *c, const struct lt_json *local)
{
    c->locals_n = lt_json_len(local);
    c->locals = LT_NEW_ARRAY(c->arena, struct local, c->locals_n);
    for (size_t i = c->locals_n; i > 0; i--) { /* from the last on, so that each bucket begins with its first */
        struct local *l = &c->locals[i - 1];
        l->message = lt_json_at(local, i - 1);
        l->key = key_of(c->arena, l->message);
        l->time = time_of(lt_json_get(l->message, "timestamp"), INT64_MAX);
        size_t b = bucket(c, l->key);
        l->next = c->local_buckets[b];
        c->local_buckets[b] = l;
    }
}

static size_t add_items(struct combine *c, const struct lt_json *response, const char *member, struct item *items, size_t n)
{
    const struct lt_json *list = lt_json_get(response, member);
    bool output = strcmp(member, "output") == 0;
    for (size_t i = 0; i < lt_json_len(list); i++) {
        struct key key = key_of(c->arena, lt_json_at(list, i));
        bool known = is_seen(c, key);
        if (known && !output)
            continue; /* each answer's input repeats what came before it */
        if (!known)
            add_seen(c, key);
        items[n++] = (struct item){.response = response, .item = lt_json_at(list, i), .output = output, .local = take_local(c, key)};
    }
    return n;
}

static size_t read_items(struct combine *c, const struct lt_json *remote, struct item *items)
{
    size_t n = 0;
    for (size_t i = 0; i < lt_json_len(remote); i++) {
        const struct lt_json *response = lt_json_at(remote, i);
        if (lt_json_get(response, "error"))
            items[n++] = (struct item){.response = response};
        else
            n = add_items(c, response, "output", items, add_items(c, response, "input", items, n));
    }
    int64_t latest = INT64_MIN;
    for (size_t i = 0; i < n; i++) {
        int64_t time = time_of(lt_json_get(items[i].response, "created_at"), INT64_MIN);
        if (items[i].local && items[i].local->time != INT64_MAX)
            time = items[i].local->time;
        latest = time > latest ? time : latest;
        items[i].latest = latest;
    }
    return n;
}

/* ---- what is only local ---- */

static int by_place_and_time(const void *a, const void *b)
{
    const struct local *x = *(struct local *const *)a, *y = *(struct local *const *)b;
    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return (x > y) - (x < y); /* the order of the thread */
}

/* Index of the first item that is later than t: of the first up to which something is. */
static size_t first_later(const struct item *items, size_t n, int64_t t)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (items[middle].latest > t)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static size_t only_local(struct combine *c, const struct item *items, size_t n, struct local **ret)
{
    size_t found = 0;
    for (size_t i = 0; i < c->locals_n; i++) {
        struct local *l = &c->locals[i];
        if (is_seen(c, l->key))
            continue;
        l->place = l->time == INT64_MAX ? n : first_later(items, n, l->time);
        ret[found++] = l;
    }
    if (found > 1)
        qsort(ret, found, sizeof(*ret), by_place_and_time);
    return found;
}

/* ---- writing ---- */

static void put_found(struct lt_jw *w, const struct lt_json *message)
{
    static const char *const members[] = {"timestamp", "submission_id", "interrupted"};
    for (size_t i = 0; i < LT_COUNT(members); i++)
        if (lt_json_get(message, members[i]))
            lt_jw_kjson(w, members[i], lt_json_get(message, members[i]));
}

static void put_local(struct lt_jw *w, const struct lt_json *message)
{
    lt_jw_obj(w);
    lt_jw_kjson(w, "role", lt_json_get(message, "role"));
    lt_jw_kstrz(w, "type", "message");
    lt_jw_kjson(w, "content", lt_json_get(message, "content"));
    lt_jw_kstrz(w, "source", "local");
    put_found(w, message);
    lt_jw_end(w);
}

static void put_error(struct lt_jw *w, const struct lt_json *response)
{
    lt_jw_obj(w);
    lt_jw_kstrz(w, "role", "error");
    lt_jw_kstrz(w, "type", "error");
    lt_jw_kjson(w, "content", lt_json_get(response, "error"));
    lt_jw_kjson(w, "response_id", lt_json_get(response, "id"));
    lt_jw_end(w);
}

static void put_item(struct lt_jw *w, const struct item *i)
{
    static const char *const of_calls[] = {"name", "arguments", "call_id"};
    if (!i->item) {
        put_error(w, i->response);
        return;
    }
    lt_jw_obj(w);
    lt_jw_kjson(w, "role", lt_json_get(i->item, "role"));
    lt_jw_kjson(w, "type", lt_json_get(i->item, "type"));
    lt_jw_kjson(w, "content", lt_json_get(i->item, "content"));
    lt_jw_kstrz(w, "source", i->local ? "both" : "remote");
    lt_jw_kjson(w, "response_id", lt_json_get(i->response, "id"));
    lt_jw_kjson(w, "created_at", lt_json_get(i->response, "created_at"));
    lt_jw_kjson(w, "model", lt_json_get(i->response, "model"));
    if (i->output)
        lt_jw_kjson(w, "tokens", lt_json_get(i->response, "tokens"));
    for (size_t k = 0; k < LT_COUNT(of_calls); k++)
        if (lt_json_get(i->item, of_calls[k]))
            lt_jw_kjson(w, of_calls[k], lt_json_get(i->item, of_calls[k]));
    if (i->local)
        put_found(w, i->local->message);
    lt_jw_end(w);
}

static size_t count_items(const struct lt_json *remote)
{
    size_t n = 0;
    for (size_t i = 0; i < lt_json_len(remote); i++)
        n += 1 + lt_json_len(lt_json_get(lt_json_at(remote, i), "input")) + lt_json_len(lt_json_get(lt_json_at(remote, i), "output"));
    return n;
}

void lt_thread_combine(struct lt_arena *arena, const struct lt_json *local, const struct lt_json *remote, struct lt_jw *w)
{
    if (lt_json_len(remote) == 0) {
        lt_jw_json(w, local);
        return;
    }
    struct combine c = {.arena = arena, .w = w, .buckets = 64};
    size_t most = count_items(remote);
    while (c.buckets < most + lt_json_len(local))
        c.buckets *= 2;
    c.local_buckets = LT_NEW_ARRAY(arena, struct local *, c.buckets);
    c.seen_buckets = LT_NEW_ARRAY(arena, struct seen *, c.buckets);
    struct item *items = LT_NEW_ARRAY(arena, struct item, most);
    read_locals(&c, local);
    size_t n = read_items(&c, remote, items);
    struct local **extra = LT_NEW_ARRAY(arena, struct local *, c.locals_n);
    size_t extra_n = only_local(&c, items, n, extra), e = 0;
    lt_jw_arr(w);
    for (size_t i = 0; i <= n; i++) {
        for (; e < extra_n && extra[e]->place == i; e++)
            put_local(w, extra[e]->message);
        if (i < n)
            put_item(w, &items[i]);
    }
    lt_jw_end(w);
}
