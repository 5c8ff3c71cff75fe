/* generate_image: pictures of what a prompt describes. The host keeps them; an answer has links, descriptions and hashes. */
#include "core/action.h"
#include "core/picture_file.h"

/* What the schema lists, in the order of the enums of core/neutral.h. */
static const char *const qualities[] = {[LT_IMAGE_STANDARD] = "standard", [LT_IMAGE_HD] = "hd"};
static const char *const aspects[] = {[LT_IMAGE_SQUARE] = "square", [LT_IMAGE_LANDSCAPE] = "landscape", [LT_IMAGE_PORTRAIT] = "portrait"};
static const char *const styles[] = {[LT_IMAGE_NATURAL] = "natural", [LT_IMAGE_VIVID] = "vivid"};

/* The first when it was not said. */
static size_t choice(const struct lt_action_call *call, const char *key, const char *const *words, size_t n)
{
    struct lt_str word = lt_json_str(lt_json_get(call->input, key));
    for (size_t i = 0; i < n; i++)
        if (lt_str_is(word, words[i]))
            return i;
    return 0;
}
#define CHOICE(call, key, words) choice((call), (key), (words), LT_COUNT(words))

static struct lt_image_wish wish_of(const struct lt_action_call *call)
{
    return (struct lt_image_wish){.prompt = lt_str_trim(lt_json_str(lt_json_get(call->input, "prompt"))),
                                  .quality = (enum lt_image_quality)CHOICE(call, "quality", qualities),
                                  .aspect = (enum lt_image_aspect)CHOICE(call, "aspect_ratio", aspects),
                                  .style = (enum lt_image_style)CHOICE(call, "style", styles),
                                  .count = lt_json_int64_or(lt_json_get(call->input, "count"), 1)};
}

static enum lt_code compile(const struct lt_action_call *call, struct lt_neutral_call *ret, struct lt_error *err)
{
    *ret = (struct lt_neutral_call){.kind = LT_NEUTRAL_IMAGE, .image = wish_of(call)};
    if (ret->image.prompt.n == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/prompt", "must hold something other than white space");
    return LT_OK;
}

static enum lt_code finish(const struct lt_action_call *call, const struct lt_neutral_result *result, struct lt_jw *response, struct lt_error *err)
{
    if (result->pictures_n == 0)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer has no picture");
    lt_picture_write_response(response, result->pictures, result->pictures_n);
    return LT_OK;
}

static void store(const struct lt_action_call *call, const struct lt_neutral_result *result, struct lt_value *values)
{
    struct lt_image_wish wish = wish_of(call);
    values[0] = LT_TEXT(lt_json_str(lt_json_get(call->input, "prompt")));
    values[1] = LT_TEXT(lt_printf(call->arena, "%lld", (long long)wish.count));
    values[2] = LT_TEXTZ(qualities[wish.quality]);
    values[3] = LT_TEXTZ(aspects[wish.aspect]);
    values[4] = LT_TEXTZ(styles[wish.style]);
    if (result->pictures_n == 0)
        return;
    values[5] = LT_TEXT(result->pictures[0].source_url);
    values[6] = LT_TEXT(result->pictures[0].revised_prompt);
    values[7] = LT_TEXT(lt_picture_kept(call->arena, result->pictures, result->pictures_n));
}

/* draftfile: what lt_picture_kept() says, with the hashes of the files, so that the register's chain covers them. */
static const char *const columns[] = {"prompt", "numberimages", "quality", "aspectratio", "style", "sourceurl", "revisedprompt", "draftfile", NULL};

#define DRAFT_FILE                                                                                                           \
    "{\"type\":\"object\",\"required\":[\"id\",\"url\",\"expires_at\",\"media_type\",\"bytes\",\"width\",\"height\",\"alt\",\"sha256\"]," \
    "\"additionalProperties\":false,\"properties\":{\"id\":{\"type\":\"string\"},"                                           \
    "\"url\":{\"type\":\"string\",\"description\":\"Where the picture is until expires_at, without host.\"},"                \
    "\"expires_at\":{\"type\":\"string\"},\"media_type\":{\"enum\":[\"image/png\",\"image/jpeg\",\"image/webp\"]},"          \
    "\"bytes\":{\"type\":\"integer\"},\"width\":{\"type\":\"integer\"},\"height\":{\"type\":\"integer\"},"                   \
    "\"alt\":{\"type\":\"string\",\"description\":\"What it shows, for who cannot see it.\"},\"sha256\":{\"type\":\"string\"}}}"
#define IMAGE                                                                                                                \
    "\"draft_file\":" DRAFT_FILE ","                                                                                          \
    "\"revised_prompt\":{\"type\":\"string\",\"description\":\"What the AI service made of the prompt; may be empty.\"},"        \
    "\"source_url\":{\"type\":\"string\",\"description\":\"Where the AI service keeps it for a while; may be empty.\"}"
#define REQUIRED "\"required\":[\"draft_file\",\"revised_prompt\",\"source_url\"],\"additionalProperties\":false"

extern const struct lt_action lt_action_generate_image;
const struct lt_action lt_action_generate_image = {
    .name = "generate_image",
    .title = "Generate image",
    .description = "Makes pictures of what is described.",
    .kind = LT_NEUTRAL_IMAGE,
    .input_schema = "{\"type\":\"object\",\"required\":[\"prompt\"],\"additionalProperties\":false,\"properties\":{"
                    "\"prompt\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":4000,\"description\":\"What the picture is to show.\"},"
                    "\"quality\":{\"enum\":[\"standard\",\"hd\"],\"default\":\"standard\"},"
                    "\"aspect_ratio\":{\"enum\":[\"square\",\"landscape\",\"portrait\"],\"default\":\"square\"},"
                    "\"style\":{\"enum\":[\"natural\",\"vivid\"],\"default\":\"natural\"},"
                    "\"count\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":4,\"default\":1},"
                    "\"format\":{\"enum\":[\"png\",\"jpeg\",\"webp\"],"
                    "\"description\":\"Of the file; without it as the AI service made it.\"}}}",
    .response_schema = "{\"type\":\"object\"," REQUIRED ",\"properties\":{" IMAGE ",\"images\":{\"type\":\"array\",\"minItems\":2,\"maxItems\":4,"
                       "\"items\":{\"type\":\"object\"," REQUIRED ",\"properties\":{" IMAGE "}}}}}",
    .instruction = "",
    .columns = columns,
    .compile = compile,
    .finish = finish,
    .store = store,
};
