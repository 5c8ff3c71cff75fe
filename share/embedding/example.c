/*
 * Lectern inside a program: an action waited for, one that streams, one that runs beside the program and is cancelled.
 *
 *     cc -std=c99 example.c $(pkg-config --cflags --libs lectern) -o example
 *     ./example                  # forgets everything at its end
 *     ./example ./var            # keeps it: lectern register list --data ./var
 */
#include <lectern/lectern.h>
#include <stdio.h>

static const char setup[] = "{site: 'school', policy: {version: '1', text: 'The text is sent to an AI service.'},"
                            " providers: [{name: 'extract', plugin: 'extract'}]}";
static const char input[] = "{\"text\": \"Rain falls on the land. Rivers carry it to the sea. The sun warms the sea and water rises as vapour. "
                            "Vapour becomes clouds. Clouds bring the rain back to the land, and the water cycle begins anew.\"}";

static int print_piece(void *ctx, const char *p, size_t n)
{
    (void)ctx;
    fwrite(p, 1, n, stdout);
    return 0; /* anything else would end the call */
}

static void print_end(const char *what, struct lectern_answer *answer, const struct lectern_error *err)
{
    if (answer)
        err = lectern_answer_error(answer);
    if (err->code[0])
        printf("%s: %s %s (%s)\n", what, err->code, err->field, err->text);
    else
        printf("%s: %s says %s\n", what, lectern_answer_provider(answer), lectern_answer_text(answer, NULL));
    lectern_answer_free(answer);
}

int main(int argc, char **argv)
{
    struct lectern *handle;
    struct lectern_job *job;
    struct lectern_answer *answer;
    struct lectern_error err = {.size = sizeof err};
    struct lectern_options options = {.size = sizeof options, .data_dir = argc > 1 ? argv[1] : NULL, .setup = setup};
    struct lectern_request request = {.size = sizeof request, .user = "42", .course_id = "water", .action = "summarise_text", .input = input};

    if (lectern_open(&options, &handle, &err) != LECTERN_DONE) {
        fprintf(stderr, "%s: %s\n", err.code, err.detail);
        return 1;
    }

    /* Who has not accepted the policy is refused, and the refusal is recorded. */
    lectern_process(handle, &request, &answer, &err);
    print_end("before", answer, &err);
    lectern_accept_policy(handle, NULL, "42", "1", 0, &err);

    /* Waited for. */
    lectern_process(handle, &request, &answer, &err);
    print_end("waited", answer, &err);

    /* Streamed: print_piece() is called on this thread, inside of lectern_process(). */
    request.on_piece = print_piece;
    if (lectern_process(handle, &request, &answer, &err) == LECTERN_DONE)
        printf("\nrecorded as %s\n", lectern_answer_id(answer));
    lectern_answer_free(answer);

    /* Started, and cancelled: unless it was faster, it ends as "cancelled". */
    request.on_piece = NULL;
    if (lectern_start(handle, &request, &job, &err) == LECTERN_DONE) {
        lectern_cancel(job);
        while (lectern_wait(job, 1000, &answer) == LECTERN_PENDING)
            puts("not yet");
        print_end("cancelled", answer, &err);
        lectern_job_free(job);
    }
    return lectern_close(handle, 5000) == LECTERN_DONE ? 0 : 1;
}
