/* Answers: plain memory, which belongs to no thread and no handle. */
#include <stdlib.h>

#include "embed/embed.h"

struct lectern_answer *lt_answer_new(void)
{
    struct lectern_answer *a = calloc(1, sizeof(*a));
    if (!a)
        return NULL;
    atomic_init(&a->references, 1);
    a->error.size = sizeof(a->error);
    a->prompt_tokens = a->completion_tokens = -1;
    return a;
}

struct lectern_answer *lt_answer_ref(struct lectern_answer *a)
{
    atomic_fetch_add(&a->references, 1);
    return a;
}

void lectern_answer_free(struct lectern_answer *a)
{
    if (!a || atomic_fetch_sub(&a->references, 1) > 1)
        return;
    free(a->response.p);
    free(a->text.p);
    free(a->provider.p);
    free(a->model.p);
    free(a);
}

static const char *text_of(const struct lt_embed_text *text, const char *otherwise, size_t *ret_n)
{
    const char *p = text->p ? text->p : otherwise;
    if (ret_n)
        *ret_n = text->p ? text->n : strlen(otherwise);
    return p;
}

const char *lectern_answer_id(const struct lectern_answer *a)
{
    return a->id;
}

const char *lectern_answer_response(const struct lectern_answer *a, size_t *ret_n)
{
    return text_of(&a->response, "{}", ret_n);
}

const char *lectern_answer_text(const struct lectern_answer *a, size_t *ret_n)
{
    return text_of(&a->text, "", ret_n);
}

const struct lectern_error *lectern_answer_error(const struct lectern_answer *a)
{
    return &a->error;
}

const char *lectern_answer_provider(const struct lectern_answer *a)
{
    return text_of(&a->provider, "", NULL);
}

const char *lectern_answer_model(const struct lectern_answer *a)
{
    return text_of(&a->model, "", NULL);
}

void lectern_answer_usage(const struct lectern_answer *a, int64_t *ret_prompt, int64_t *ret_completion)
{
    if (ret_prompt)
        *ret_prompt = a->prompt_tokens;
    if (ret_completion)
        *ret_completion = a->completion_tokens;
}
