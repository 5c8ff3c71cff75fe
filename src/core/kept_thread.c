/*
 * Conversations that a vendor keeps: what of one is sent to whom. The action compiles all of it; for the instance that has the thread the
 * messages that it knows are taken out again, so that actions know no threads and providers no histories.
 */
#include "core/manager_private.h"

bool lt_process_keeps_thread(const struct lt_process *c, const struct lt_provider_instance *instance)
{
    const struct lt_call_profile *profile = c->request->profile;
    const struct lt_call_thread *thread = profile ? profile->thread : NULL;
    return thread && thread->response_id.n > 0 && thread->instance_id == instance->id && !c->thread_lost;
}

/* Instructions are no part of a kept thread and go along each time. */
static void leave_new(struct lt_neutral_call *call, size_t new_n)
{
    size_t first = 0;
    while (first < call->messages_n && lt_str_is(call->messages[first].role, "system"))
        first++;
    if (call->messages_n - first <= new_n)
        return;
    memmove(&call->messages[first], &call->messages[call->messages_n - new_n], new_n * sizeof(*call->messages));
    call->messages_n = first + new_n;
}

void lt_process_use_thread(struct lt_process *c, const struct lt_provider_run *run, struct lt_neutral_call *call)
{
    const struct lt_call_profile *profile = c->request->profile;
    const struct lt_provider *provider = run->instance->provider;
    if (!profile || !profile->thread || !c->request->caller->site->store_content || !provider->keeps_threads ||
        !provider->keeps_threads(run->instance, run->settings))
        return;
    call->store = true;
    c->thread_sent = lt_process_keeps_thread(c, run->instance);
    if (!c->thread_sent)
        return;
    call->previous_response_id = profile->thread->response_id;
    leave_new(call, profile->thread->new_n);
}
