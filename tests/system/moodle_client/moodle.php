<?php
/*
 * Asks Lectern in the way of Moodle's aiprovider_openai, aiprovider_ollama and aiprovider_deepseek: the same HTTP client (Guzzle) with the same
 * settings, the same bodies in the same order, and of the answer the same members. What Moodle would pass over with a warning, a member that
 * is not there, is an error here. See test_moodle_door.py.
 *
 *     php moodle.php < JOBS        JOBS: [{"provider", "config": {…}, "settings": {…}, "prompt", "userid"}, …]
 *
 * where provider is openai, openai45, deepseek or ollama. Prints [{"result": {…}, "user": "<hash>", "type": "<content type>"}, …]: what Moodle
 * stores, or {"success": false, "errorcode", "errormessage"}.
 */
require getenv('GUZZLE') ?: '/usr/share/php/GuzzleHttp/autoload.php';

use GuzzleHttp\Client;
use GuzzleHttp\Psr7\Request;
use GuzzleHttp\Psr7\Uri;

set_error_handler(function (int $level, string $text) {
    if (error_reporting() & $level & ~(E_DEPRECATED | E_USER_DEPRECATED)) {
        throw new RuntimeException($text);
    }
    return true;
});

/** The settings that go into the request: all but those that Moodle takes out; the custom ones are JSON of their own. */
function model_settings(array $settings): array {
    foreach (json_decode($settings['modelextraparams'] ?? '', true) ?? [] as $name => $value) {
        $settings[$name] = $value;
    }
    return array_diff_key($settings, array_flip(['model', 'endpoint', 'systeminstruction', 'providerid', 'modelextraparams']));
}

function chat_body(object $job, string $user): object {
    $system = $job->settings['systeminstruction'] ?? '';
    $messages = empty($system) ? [] : [['role' => 'system', 'content' => $system]];
    $messages[] = ['role' => 'user', 'content' => $job->prompt];
    return (object) (['model' => $job->settings['model'], 'user' => $user, 'messages' => $messages] + model_settings($job->settings));
}

function ollama_body(object $job, string $user): object {
    $body = (object) ['model' => $job->settings['model'], 'stream' => false, 'prompt' => $job->prompt, 'user' => $user, 'options' => new stdClass()];
    if (!empty($job->settings['systeminstruction'])) {
        $body->system = $job->settings['systeminstruction'];
    }
    foreach (model_settings($job->settings) as $name => $value) {
        $body->options->$name = $value;
    }
    return $body;
}

function headers(object $job): array {
    $config = $job->config;
    if ($job->provider === 'ollama') {
        return empty($config['basicauthenabled']) ? [] :
            ['Authorization' => 'Basic ' . base64_encode($config['username'] . ':' . $config['password'])];
    }
    $bearer = ['Authorization' => 'Bearer ' . $config['apikey']];
    return $job->provider === 'deepseek' ? $bearer : $bearer + ['OpenAI-Organization' => $config['orgid']];
}

function send(object $job, string $user): object {
    $ollama = $job->provider === 'ollama';
    $endpoint = $ollama ? rtrim($job->config['endpoint'], '/') . '/api/generate' : $job->settings['endpoint'];
    $body = json_encode($ollama ? ollama_body($job, $user) : chat_body($job, $user));
    if ($job->provider === 'openai45') { // all of it in the client
        $client = new Client(['base_uri' => $endpoint, 'headers' => ['Content-Type' => 'application/json'] + headers($job), 'http_errors' => false]);
        return $client->request('POST', '', ['body' => $body]);
    }
    $request = new Request('POST', '', ['Content-Type' => 'application/json'], $body);
    foreach (headers($job) as $name => $value) {
        $request = $request->withAddedHeader($name, $value);
    }
    return (new Client())->send($request, ['base_uri' => new Uri($endpoint), 'http_errors' => false]);
}

function read_answer(object $job, object $response): array {
    $body = json_decode($response->getBody()->getContents());
    if ($job->provider === 'ollama') {
        return ['success' => true, 'generatedcontent' => $body->response, 'finishreason' => $body->done_reason,
            'prompttokens' => $body->prompt_eval_count, 'completiontokens' => $body->eval_count, 'model' => $body->model ?? $job->settings['model']];
    }
    return ['success' => true, 'id' => $body->id, 'fingerprint' => $body->system_fingerprint,
        'generatedcontent' => $body->choices[0]->message->content, 'finishreason' => $body->choices[0]->finish_reason,
        'prompttokens' => $body->usage->prompt_tokens, 'completiontokens' => $body->usage->completion_tokens,
        'model' => $body->model ?? $job->settings['model']];
}

function read_error(object $job, object $response): array {
    $status = $response->getStatusCode();
    if ($status >= 500 && $status < 600) {
        $text = $response->getReasonPhrase();
    } else {
        $body = json_decode($response->getBody()->getContents());
        $text = $job->provider === 'ollama' ? $body->error : $body->error->message;
    }
    return ['success' => false, 'errorcode' => $status, 'errormessage' => $text];
}

$results = [];
foreach (json_decode(stream_get_contents(STDIN), true) as $job) {
    $job = (object) $job;
    $user = hash('sha256', 'site-identifier' . $job->userid);
    $response = send($job, $user);
    $results[] = ['result' => $response->getStatusCode() === 200 ? read_answer($job, $response) : read_error($job, $response), 'user' => $user,
        'type' => $response->getHeaderLine('Content-Type')];
}
echo json_encode($results);
