/* Course roles: the table, who may give what, and what the LMS is asked and answers. */
#include "http_fixture.h"

#include <time.h>

#include "base/log.h"
#include "core/admin.h"
#include "core/course_role.h"
#include "core/lms_roles.h"
#include "io/fiber.h"

#define COURSE "course-v1:O+C+R"
#define BIT(role) (1u << LT_ROLE_##role)
#define ALL (BIT(STUDENT) | BIT(TEACHER) | BIT(EDITINGTEACHER) | BIT(MANAGER) | BIT(ADMIN))
#define OK(call) assert_ok((call), &w->err, #call)

static void assert_ok(enum lt_code rc, const struct lt_error *err, const char *call)
{
    if (rc)
        fail_msg("%s: %s (%s)", call, err->detail, err->field);
}

/* ---- the LMS: a server of ours on a loop of its own ---- */

static struct {
    int status;
    const char *body;
    _Atomic int requests, waiting;
    _Atomic bool hold;      /* answers wait until it is false */
    char query[256], authorization[256];
} lms;

static void lms_handle(struct lt_http_request *req, void *ctx)
{
    struct lt_str sent = lt_http_field(&req->head, "Authorization", NULL);
    snprintf(lms.query, sizeof(lms.query), "%.*s?%.*s", LT_FMT(req->head.path), LT_FMT(req->head.query));
    snprintf(lms.authorization, sizeof(lms.authorization), "%.*s", LT_FMT(sent));
    lms.requests++;
    lms.waiting++;
    while (lms.hold && lt_fiber_sleep(1) == LT_OK)
        ;
    lms.waiting--;
    lt_http_respond(req, lms.status, "application/json", NULL, 0, lt_str(lms.body));
}

/* ---- the world: a store with two sites, a manager, a loop that asks ---- */

struct world {
    char dir[64], url[128];
    struct lt_arena *arena;
    struct lt_store *store;
    struct lt_manager *manager;
    struct lt_error err;
    struct node lms, asking;
    struct lt_site site;
};

static const struct lt_role_giver anybody = {.who = {"test", 4}, .may_give = ALL};

static void fresh_lms(struct world *w, uint32_t cache_ms)
{
    static int round;
    lms.status = 200;
    lms.body = "{\"roles\":[],\"is_staff\":false}";
    lms.requests = 0;
    lms.hold = false;
    snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%d/roles/%d", lt_http_server_port(w->lms.server), round++); /* nothing is known of it */
    w->site.lms_roles_url = lt_str(w->url);
    w->site.lms_roles_cache_ms = cache_ms;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    const struct lt_http_server_options options = {.handler = lms_handle};
    w->arena = lt_arena_new();
    strcpy(w->dir, "/tmp/lectern-roles-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    OK(lt_store_open(&(struct lt_store_options){.data_dir = w->dir}, &w->store, &w->err));
    OK(lt_admin_site_add(w->store, LT_STR("one"), LT_STR("One"), &w->err));
    OK(lt_admin_site_add(w->store, LT_STR("two"), LT_STR("Two"), &w->err));
    w->manager = lt_manager_new(&(struct lt_manager_options){.store = w->store});
    w->site = (struct lt_site){.id = 1, .slug = LT_STR("one")};
    node_start(&w->lms, 0, &options);
    node_start(&w->asking, 1, NULL);
    fresh_lms(w, 60000);
    w->site.lms_roles_url = LT_STR("");
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    char command[128];
    node_run(&w->asking, (void (*)(void *))lt_loop_stop, w->asking.loop);
    pthread_join(w->asking.thread, NULL);
    sem_destroy(&w->asking.ready);
    node_stop(&w->lms);
    lt_manager_free(w->manager);
    lt_store_close(w->store);
    lt_arena_free(w->arena);
    snprintf(command, sizeof(command), "rm -rf '%s'", w->dir);
    assert_int_equal(system(command), 0);
    free(w);
    return 0;
}

static struct lt_course_role row(const char *user, const char *course, enum lt_role role)
{
    return (struct lt_course_role){.user_id = lt_str(user), .course_id = lt_str(course), .role = role};
}

static void give(struct world *w, const char *user, const char *course, enum lt_role role)
{
    struct lt_course_role r = row(user, course, role);
    OK(lt_course_role_add(w->store, 1, &anybody, &r, &w->err));
}

/* "user@course=role …" in the order of their ids. */
static const char *table(struct world *w, int64_t site)
{
    struct lt_course_role *rows;
    size_t n;
    int64_t next;
    struct lt_course_role_filter filter = {.site_id = site, .limit = 1000};
    OK(lt_course_role_list(w->store, w->arena, &filter, &rows, &n, &next, &w->err));
    struct lt_str text = LT_STR("");
    for (size_t i = 0; i < n; i++)
        text = lt_printf(w->arena, "%.*s%s%.*s@%.*s=%s", LT_FMT(text), i ? " " : "", LT_FMT(rows[i].user_id), LT_FMT(rows[i].course_id),
                         lt_role_name(rows[i].role));
    return lt_strz(w->arena, text);
}

static int empty_table(void **state)
{
    struct world *w = *state;
    for (int64_t site = 1; site <= 2; site++)
        OK(lt_course_role_import(w->store, site, &anybody, NULL, 0, true, &w->err));
    return 0;
}

/* ---- asking for roles, on a fiber of the asking loop ---- */

struct question {
    struct world *w;
    struct lt_caller caller;
    const char *course;
    unsigned roles;
    enum lt_code rc;
    struct lt_fiber *fiber;
    _Atomic int over;
};

static void ask_fiber(void *arg)
{
    struct question *q = arg;
    struct lt_error err;
    struct lt_arena *arena = lt_arena_new();
    q->fiber = lt_fiber_self();
    q->rc = lt_course_roles(q->w->manager, arena, &q->caller, lt_str(q->course), &q->roles, &err);
    lt_arena_free(arena);
    q->over = 1;
}

static struct question question(struct world *w, const char *user, const char *course)
{
    return (struct question){.w = w,
                             .course = course,
                             .caller = {.site = &w->site,
                                        .user_id = lt_str(user),
                                        .roles = BIT(STUDENT),
                                        .is_user = true,
                                        .only_course = LT_STR(""),
                                        .token = LT_STR("the.users.token")}};
}

/* The roles beside `student`, which the token gives. */
static unsigned roles_of(struct world *w, const char *user, const char *course)
{
    struct question q = question(w, user, course);
    node_run(&w->asking, ask_fiber, &q);
    assert_int_equal(q.rc, LT_OK);
    assert_true(q.roles & BIT(STUDENT));
    return q.roles & ~BIT(STUDENT);
}

/* ---- the table ---- */

static void roles_are_those_of_the_token_the_site_and_the_course(void **state)
{
    struct world *w = *state;
    w->site.lms_roles_url = LT_STR("");
    give(w, "u", COURSE, LT_ROLE_TEACHER);
    give(w, "u", "other", LT_ROLE_EDITINGTEACHER);
    give(w, "u", "", LT_ROLE_MANAGER);
    give(w, "v", COURSE, LT_ROLE_ADMIN);
    assert_int_equal(roles_of(w, "u", COURSE), BIT(TEACHER) | BIT(MANAGER));
    assert_int_equal(roles_of(w, "u", "other"), BIT(EDITINGTEACHER) | BIT(MANAGER));
    assert_int_equal(roles_of(w, "u", "third"), BIT(MANAGER));
    assert_int_equal(roles_of(w, "u", ""), BIT(MANAGER));
    assert_int_equal(roles_of(w, "U", COURSE), 0);
    assert_int_equal(roles_of(w, "v", COURSE), BIT(ADMIN));
    w->site.id = 2;
    assert_int_equal(roles_of(w, "v", COURSE), 0);
    w->site.id = 1;
}

static void a_token_for_one_course_has_its_own_roles_elsewhere(void **state)
{
    struct world *w = *state;
    struct question q = question(w, "u", "other");
    give(w, "u", "", LT_ROLE_MANAGER);
    q.caller.only_course = LT_STR(COURSE);
    node_run(&w->asking, ask_fiber, &q);
    assert_int_equal(q.roles, BIT(STUDENT));
    q.course = COURSE;
    node_run(&w->asking, ask_fiber, &q);
    assert_int_equal(q.roles, BIT(STUDENT) | BIT(MANAGER));
}

static void giving_twice_keeps_the_first_and_taking_what_is_not_there_fails(void **state)
{
    struct world *w = *state;
    struct lt_course_role r = row("u", COURSE, LT_ROLE_TEACHER);
    give(w, "u", COURSE, LT_ROLE_TEACHER);
    give(w, "u", COURSE, LT_ROLE_MANAGER);
    give(w, "u", COURSE, LT_ROLE_TEACHER);
    assert_string_equal(table(w, 1), "u@" COURSE "=teacher u@" COURSE "=manager");
    OK(lt_course_role_remove(w->store, 1, &anybody, &r, &w->err));
    assert_string_equal(table(w, 1), "u@" COURSE "=manager");
    assert_int_equal(lt_course_role_remove(w->store, 1, &anybody, &r, &w->err), LT_ENOT_FOUND);
    assert_int_equal(lt_course_role_remove(w->store, 2, &anybody, &(struct lt_course_role){.user_id = LT_STR("u"), .course_id = LT_STR(COURSE),
                                                                                           .role = LT_ROLE_MANAGER}, &w->err), LT_ENOT_FOUND);
    assert_string_equal(table(w, 1), "u@" COURSE "=manager");
}

static void rows_that_cannot_be_kept_are_refused_by_field(void **state)
{
    struct world *w = *state;
    char long_text[LT_COURSE_ROLE_TEXT_MAX + 2];
    memset(long_text, 'x', sizeof(long_text));
    long_text[sizeof(long_text) - 1] = 0;
    const struct {
        struct lt_course_role row;
        const char *field;
    } wrong[] = {
        {row("", COURSE, LT_ROLE_TEACHER), "/user_id"},        {row("a\nb", COURSE, LT_ROLE_TEACHER), "/user_id"},
        {row("\xFF", COURSE, LT_ROLE_TEACHER), "/user_id"},    {row(long_text, COURSE, LT_ROLE_TEACHER), "/user_id"},
        {row("u", long_text, LT_ROLE_TEACHER), "/course_id"},  {row("u", "a\tb", LT_ROLE_TEACHER), "/course_id"},
        {row("u", COURSE, LT_ROLE_SERVICE), "/role"},          {row("u", COURSE, (enum lt_role)-1), "/role"},
    };
    for (size_t i = 0; i < LT_COUNT(wrong); i++) {
        struct lt_course_role rows[] = {row("good", COURSE, LT_ROLE_TEACHER), wrong[i].row};
        assert_int_equal(lt_course_role_import(w->store, 1, &anybody, rows, 2, true, &w->err), LT_EINVALID_INPUT);
        assert_string_equal(w->err.field, wrong[i].field);
        assert_string_equal(table(w, 1), "");
    }
}

static void nobody_gives_or_takes_above_their_own_rank(void **state)
{
    struct world *w = *state;
    for (enum lt_role own = LT_ROLE_STUDENT; own <= LT_ROLE_ADMIN; own++)
        for (enum lt_role given = LT_ROLE_STUDENT; given <= LT_ROLE_ADMIN; given++) {
            struct lt_role_giver giver = {.who = LT_STR("x"), .may_give = lt_roles_up_to(1u << own)};
            struct lt_course_role r = row("u", COURSE, given);
            enum lt_code want = given <= own ? LT_OK : LT_EPERMISSION;
            assert_int_equal(lt_course_role_add(w->store, 1, &giver, &r, &w->err), want);
            give(w, "u", COURSE, given);
            assert_int_equal(lt_course_role_remove(w->store, 1, &giver, &r, &w->err), want);
        }
    assert_int_equal(lt_roles_up_to(0), 0);
    assert_int_equal(lt_roles_up_to(BIT(SERVICE)), ALL);
    assert_int_equal(lt_roles_up_to(BIT(STUDENT) | BIT(EDITINGTEACHER)), BIT(STUDENT) | BIT(TEACHER) | BIT(EDITINGTEACHER));
}

static void replace_makes_the_table_exactly_that_and_keeps_what_was_there(void **state)
{
    struct world *w = *state;
    struct lt_course_role *before, *after;
    size_t n;
    int64_t next;
    struct lt_course_role_filter kept = {.site_id = 1, .user_id = LT_STR("b"), .limit = 10};
    struct lt_course_role theirs = row("a", COURSE, LT_ROLE_TEACHER);
    OK(lt_course_role_add(w->store, 2, &anybody, &theirs, &w->err));
    give(w, "a", COURSE, LT_ROLE_TEACHER);
    give(w, "b", COURSE, LT_ROLE_TEACHER);
    OK(lt_course_role_list(w->store, w->arena, &kept, &before, &n, &next, &w->err));
    const struct lt_course_role rows[] = {row("b", COURSE, LT_ROLE_TEACHER), row("c", "", LT_ROLE_ADMIN), row("c", "", LT_ROLE_ADMIN)};
    const struct lt_role_giver other = {.who = LT_STR("other"), .may_give = ALL};
    OK(lt_course_role_import(w->store, 1, &other, rows, 3, false, &w->err));
    assert_string_equal(table(w, 1), "a@" COURSE "=teacher b@" COURSE "=teacher c@=admin");
    OK(lt_course_role_import(w->store, 1, &other, rows, 3, true, &w->err));
    assert_string_equal(table(w, 1), "b@" COURSE "=teacher c@=admin");
    assert_string_equal(table(w, 2), "a@" COURSE "=teacher");
    OK(lt_course_role_list(w->store, w->arena, &kept, &after, &n, &next, &w->err));
    assert_int_equal(n, 1);
    assert_int_equal(after->id, before->id);
    assert_int_equal(after->created_at, before->created_at);
    assert_true(lt_str_is(after->created_by, "test"));
}

static void replace_takes_only_what_the_giver_may_take(void **state)
{
    struct world *w = *state;
    give(w, "boss", COURSE, LT_ROLE_ADMIN);
    give(w, "u", COURSE, LT_ROLE_MANAGER);
    give(w, "u", "other", LT_ROLE_TEACHER);
    const struct lt_role_giver manager = {.who = LT_STR("m"), .may_give = lt_roles_up_to(BIT(MANAGER)), .only_course = LT_STR(COURSE)};
    const struct lt_course_role rows[] = {row("v", COURSE, LT_ROLE_TEACHER)};
    const struct lt_course_role above = row("v", COURSE, LT_ROLE_ADMIN), beside = row("v", "", LT_ROLE_TEACHER);
    OK(lt_course_role_import(w->store, 1, &manager, rows, 1, true, &w->err));
    assert_string_equal(table(w, 1), "boss@" COURSE "=admin u@other=teacher v@" COURSE "=teacher");
    assert_int_equal(lt_course_role_import(w->store, 1, &manager, &above, 1, true, &w->err), LT_EPERMISSION);
    assert_int_equal(lt_course_role_import(w->store, 1, &manager, &beside, 1, true, &w->err), LT_EPERMISSION);
    assert_string_equal(table(w, 1), "boss@" COURSE "=admin u@other=teacher v@" COURSE "=teacher");
}

static void a_list_is_paged_by_id(void **state)
{
    struct world *w = *state;
    enum { ROWS = 25, PAGE = 7 };
    struct lt_course_role all[ROWS], *rows;
    struct lt_course_role_filter page = {.site_id = 1, .limit = PAGE};
    size_t n, seen = 0;
    for (int i = 0; i < ROWS; i++)
        all[i] = row(lt_strz(w->arena, lt_printf(w->arena, "u%d", i)), i % 2 ? COURSE : "", LT_ROLE_TEACHER);
    OK(lt_course_role_import(w->store, 1, &anybody, all, ROWS, false, &w->err));
    do {
        OK(lt_course_role_list(w->store, w->arena, &page, &rows, &n, &page.after, &w->err));
        for (size_t i = 0; i < n; i++)
            assert_true(lt_str_eq(rows[i].user_id, all[seen++].user_id));
    } while (page.after);
    assert_int_equal(seen, ROWS);
    const struct lt_course_role_filter whole = {.site_id = 1, .course_id = LT_STR(""), .limit = 100};
    const struct lt_course_role_filter one = {.site_id = 1, .user_id = LT_STR("u3"), .limit = 100};
    OK(lt_course_role_list(w->store, w->arena, &whole, &rows, &n, &page.after, &w->err));
    assert_int_equal(n, (ROWS + 1) / 2);
    OK(lt_course_role_list(w->store, w->arena, &one, &rows, &n, &page.after, &w->err));
    assert_int_equal(n, 1);
}

/* ---- what the LMS says ---- */

#define ROW(course, role) "{\"org\":\"O\",\"course_id\":\"" course "\",\"role\":\"" role "\"}"

static const struct {
    const char *body;
    unsigned roles;
} answers[] = {
    {"{\"roles\":[],\"is_staff\":false}", 0},
    {"{\"roles\":[" ROW(COURSE, "instructor") "],\"is_staff\":false}", BIT(EDITINGTEACHER)},
    {"{\"roles\":[" ROW(COURSE, "staff") "],\"is_staff\":false}", BIT(EDITINGTEACHER)},
    {"{\"roles\":[" ROW(COURSE, "limited_staff") "]}", BIT(TEACHER)},
    {"{\"roles\":[" ROW(COURSE, "beta_testers") "," ROW(COURSE, "ccx_coach") "]}", BIT(STUDENT) | BIT(TEACHER)},
    {"{\"roles\":[" ROW("other", "staff") "],\"is_staff\":false}", 0},
    {"{\"roles\":[" ROW("None", "instructor") "],\"is_staff\":false}", 0},
    {"{\"roles\":[" ROW(COURSE, "admin") "," ROW(COURSE, "data_researcher") "],\"is_staff\":false}", 0},
    {"{\"roles\":[7,null,{},{\"course_id\":\"" COURSE "\",\"role\":9}],\"is_staff\":false}", 0},
    {"{\"roles\":[],\"is_staff\":true}", BIT(MANAGER)},
};

static void roles_of_open_edx_are_translated(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < LT_COUNT(answers); i++) {
        unsigned roles = ~0u;
        OK(lt_lms_roles_read(w->arena, lt_str(answers[i].body), LT_STR(COURSE), &roles, &w->err));
        if (roles != answers[i].roles)
            fail_msg("%s: %x, want %x", answers[i].body, roles, answers[i].roles);
    }
}

static void an_answer_in_another_form_is_none(void **state)
{
    struct world *w = *state;
    static const char *const bodies[] = {"", "[]", "{}", "null", "{\"roles\":{}}", "{\"roles\":[],\"is_staff\":\"yes\"}", "{\"roles\":[]", "<html>"};
    for (size_t i = 0; i < LT_COUNT(bodies); i++) {
        unsigned roles = ~0u;
        assert_int_equal(lt_lms_roles_read(w->arena, lt_str(bodies[i]), LT_STR(COURSE), &roles, &w->err), LT_EUPSTREAM_INVALID);
        assert_int_equal(roles, 0);
    }
}

static void the_lms_is_asked_in_the_users_name(void **state)
{
    struct world *w = *state;
    fresh_lms(w, 60000);
    lms.body = "{\"roles\":[" ROW("course-v1:O+C+R", "staff") "],\"is_staff\":false}";
    give(w, "u", COURSE, LT_ROLE_MANAGER);
    assert_int_equal(roles_of(w, "u", COURSE), BIT(EDITINGTEACHER) | BIT(MANAGER));
    assert_string_equal(lms.authorization, "JWT the.users.token");
    assert_non_null(strstr(lms.query, "?course_id=course-v1%3AO%2BC%2BR"));
    snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%d/r?x=1", lt_http_server_port(w->lms.server));
    w->site.lms_roles_url = lt_str(w->url);
    roles_of(w, "u", COURSE);
    assert_string_equal(lms.query, "/r?x=1&course_id=course-v1%3AO%2BC%2BR");
}

static void the_lms_is_asked_only_with_a_token_and_a_course(void **state)
{
    struct world *w = *state;
    fresh_lms(w, 60000);
    struct question q = question(w, "u", COURSE);
    q.caller.token = LT_STR_NULL;
    node_run(&w->asking, ask_fiber, &q);
    roles_of(w, "u", "");
    roles_of(w, "u", "a\nb");
    q = question(w, "u", COURSE);
    q.caller.only_course = LT_STR("other");
    node_run(&w->asking, ask_fiber, &q);
    assert_int_equal(lms.requests, 0);
}

static void an_answer_is_kept_for_each_user_and_course(void **state)
{
    struct world *w = *state;
    fresh_lms(w, 60000);
    lms.body = "{\"roles\":[],\"is_staff\":true}";
    for (int i = 0; i < 3; i++) {
        assert_int_equal(roles_of(w, "u", COURSE), BIT(MANAGER));
        assert_int_equal(roles_of(w, "v", COURSE), BIT(MANAGER));
        assert_int_equal(roles_of(w, "u", "other"), BIT(MANAGER));
        assert_int_equal(roles_of(w, "uo", "ther"), BIT(MANAGER));
    }
    assert_int_equal(lms.requests, 4);
    w->site.id = 2;
    roles_of(w, "u", COURSE);
    w->site.id = 1;
    assert_int_equal(lms.requests, 5);
}

static void nothing_is_kept_when_the_site_says_so_and_then_it_ends(void **state)
{
    struct world *w = *state;
    fresh_lms(w, 0);
    for (int i = 0; i < 3; i++)
        roles_of(w, "u", COURSE);
    assert_int_equal(lms.requests, 3);
    fresh_lms(w, 40);
    lms.body = "{\"roles\":[],\"is_staff\":true}";
    assert_int_equal(roles_of(w, "u", COURSE), BIT(MANAGER));
    lms.body = "{\"roles\":[],\"is_staff\":false}";
    for (int i = 0; i < WAIT_S * 100 && roles_of(w, "u", COURSE) != 0; i++)
        usleep(10000);
    assert_int_equal(roles_of(w, "u", COURSE), 0);
}

static void a_failure_is_no_role_and_is_counted(void **state)
{
    struct world *w = *state;
    static const struct {
        int status;
        const char *body;
    } faults[] = {{401, "{}"}, {403, "{}"}, {404, ""}, {500, "oops"}, {200, "not json"}, {302, "{\"roles\":[],\"is_staff\":true}"}};
    for (size_t i = 0; i < LT_COUNT(faults); i++) {
        unsigned long failed = lt_course_role_stats(w->manager)->failed;
        fresh_lms(w, 60000);
        lms.status = faults[i].status;
        lms.body = faults[i].body;
        give(w, "u", COURSE, LT_ROLE_TEACHER);
        assert_int_equal(roles_of(w, "u", COURSE), BIT(TEACHER));
        assert_int_equal(roles_of(w, "u", COURSE), BIT(TEACHER));
        assert_int_equal(lms.requests, 1); /* a failure is kept too */
        assert_int_equal(lt_course_role_stats(w->manager)->failed, failed + 1);
    }
    static char huge[LT_LMS_ROLES_BODY_MAX + 100]; /* the server may still be sending it when this ends */
    memset(huge, ' ', sizeof(huge));
    strcpy(huge + LT_LMS_ROLES_BODY_MAX + 50, "{\"roles\":[],\"is_staff\":true}");
    fresh_lms(w, 60000);
    lms.body = huge;
    assert_int_equal(roles_of(w, "u", COURSE), BIT(TEACHER));
}

/* ---- at the same time ---- */

struct many {
    struct question *questions;
    int n;
};

static void start_many(void *arg)
{
    struct many *m = arg;
    for (int i = 0; i < m->n; i++)
        if (lt_fiber_start(lt_loop_self(), ask_fiber, &m->questions[i], NULL) != LT_OK)
            abort();
}

static void cancel_one(void *arg)
{
    lt_fiber_cancel(((struct question *)arg)->fiber);
}

static void wait_over(struct many *m)
{
    for (int i = 0; i < m->n; i++)
        wait_for(&m->questions[i].over, 1);
}

static void the_same_question_is_asked_once(void **state)
{
    struct world *w = *state;
    enum { N = 50 };
    struct question questions[N];
    struct many m = {questions, N};
    fresh_lms(w, 0);
    lms.body = "{\"roles\":[],\"is_staff\":true}";
    lms.hold = true;
    for (int i = 0; i < N; i++)
        questions[i] = question(w, "u", COURSE);
    node_run(&w->asking, start_many, &m);
    wait_for(&lms.waiting, 1);
    usleep(500000); /* those who are to wait do by now, also on a busy machine */
    lms.hold = false;
    wait_over(&m);
    assert_int_equal(lms.requests, 1);
    for (int i = 0; i < N; i++)
        assert_int_equal(questions[i].roles, BIT(STUDENT) | BIT(MANAGER));
}

static void when_who_asks_leaves_the_next_asks(void **state)
{
    struct world *w = *state;
    enum { N = 4 };
    struct question questions[N];
    struct many m = {questions, N};
    fresh_lms(w, 60000);
    lms.body = "{\"roles\":[],\"is_staff\":true}";
    lms.hold = true;
    for (int i = 0; i < N; i++)
        questions[i] = question(w, "u", COURSE);
    m.n = 1;
    node_run(&w->asking, start_many, &m);
    wait_for(&lms.requests, 1);
    struct many others = {questions + 1, N - 1};
    node_run(&w->asking, start_many, &others);
    usleep(500000); /* those who are to wait do by now, also on a busy machine */
    node_run(&w->asking, cancel_one, &questions[N - 1]); /* one who waits leaves too */
    wait_for(&questions[N - 1].over, 1);
    assert_int_equal(questions[N - 1].rc, LT_ECANCELLED);
    node_run(&w->asking, cancel_one, &questions[0]);
    wait_for(&questions[0].over, 1);
    assert_int_equal(questions[0].rc, LT_ECANCELLED);
    wait_for(&lms.requests, 2);
    lms.hold = false;
    m.n = N;
    wait_over(&m);
    assert_int_equal(lms.requests, 2);
    for (int i = 1; i < N - 1; i++)
        assert_int_equal(questions[i].roles, BIT(STUDENT) | BIT(MANAGER));
}

static void ask_everybody(void *arg)
{
    struct world *w = arg;
    for (int i = 0; i <= LT_LMS_ROLES_KEPT; i++) {
        char user[16];
        unsigned roles;
        struct lt_error err;
        snprintf(user, sizeof(user), "u%d", i);
        struct question q = question(w, user, COURSE);
        struct lt_lms_roles_stats stats = {0};
        if (lt_lms_roles(&stats, NULL, &q.caller, LT_STR(COURSE), &roles, &err))
            abort();
    }
}

static void the_table_is_bounded_and_drops_what_was_not_used_longest(void **state)
{
    struct world *w = *state;
    fresh_lms(w, 3600000);
    lms.body = "{\"roles\":[],\"is_staff\":true}";
    node_run(&w->asking, ask_everybody, w);
    assert_int_equal(lms.requests, LT_LMS_ROLES_KEPT + 1);
    roles_of(w, "u1", COURSE);
    assert_int_equal(lms.requests, LT_LMS_ROLES_KEPT + 1);
    roles_of(w, "u0", COURSE);
    assert_int_equal(lms.requests, LT_LMS_ROLES_KEPT + 2);
    roles_of(w, "u1", COURSE); /* used since: u2 had to go for u0 */
    assert_int_equal(lms.requests, LT_LMS_ROLES_KEPT + 2);
    roles_of(w, "u2", COURSE);
    assert_int_equal(lms.requests, LT_LMS_ROLES_KEPT + 3);
}

#define EMPTY(test) cmocka_unit_test_setup(test, empty_table)

int main(void)
{
    lt_log_set_level(LT_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        EMPTY(roles_are_those_of_the_token_the_site_and_the_course),
        EMPTY(a_token_for_one_course_has_its_own_roles_elsewhere),
        EMPTY(giving_twice_keeps_the_first_and_taking_what_is_not_there_fails),
        EMPTY(rows_that_cannot_be_kept_are_refused_by_field),
        EMPTY(nobody_gives_or_takes_above_their_own_rank),
        EMPTY(replace_makes_the_table_exactly_that_and_keeps_what_was_there),
        EMPTY(replace_takes_only_what_the_giver_may_take),
        EMPTY(a_list_is_paged_by_id),
        EMPTY(roles_of_open_edx_are_translated),
        EMPTY(an_answer_in_another_form_is_none),
        EMPTY(the_lms_is_asked_in_the_users_name),
        EMPTY(the_lms_is_asked_only_with_a_token_and_a_course),
        EMPTY(an_answer_is_kept_for_each_user_and_course),
        EMPTY(nothing_is_kept_when_the_site_says_so_and_then_it_ends),
        EMPTY(a_failure_is_no_role_and_is_counted),
        EMPTY(the_same_question_is_asked_once),
        EMPTY(when_who_asks_leaves_the_next_asks),
        EMPTY(the_table_is_bounded_and_drops_what_was_not_used_longest),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
