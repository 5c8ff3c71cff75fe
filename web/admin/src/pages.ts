/*
 * The pages: address, name in the menu, permission without which it is not in the menu, element. One table for the menu and the router. A page
 * that has {id} in its address is not in the menu. To add one: a file in pages/, imported here, and a row.
 */
import { html, type TemplateResult } from "lit";
import type { Params } from "./ui/page.js";
import "./pages/gradings.js";
import "./pages/health.js";
import "./pages/keys.js";
import "./pages/limit.js";
import "./pages/limits.js";
import "./pages/matrix.js";
import "./pages/notices.js";
import "./pages/permissions.js";
import "./pages/playground.js";
import "./pages/plugins.js";
import "./pages/policy.js";
import "./pages/prices.js";
import "./pages/privacy.js";
import "./pages/profile.js";
import "./pages/profiles.js";
import "./pages/prompts.js";
import "./pages/provider.js";
import "./pages/provider_new.js";
import "./pages/providers.js";
import "./pages/register.js";
import "./pages/reports.js";
import "./pages/roles.js";
import "./pages/scope_test.js";
import "./pages/scopes.js";
import "./pages/sessions.js";
import "./pages/site.js";
import "./pages/start.js";
import "./pages/stop.js";
import "./pages/switches.js";
import "./pages/tasks.js";
import "./pages/templates.js";
import "./ui/profile_editor.js";

export interface PageRow {
    /** "providers/{id}" */
    path: string;
    title: string;
    /** Of the menu; "" for pages that are reached from others. */
    group: "" | "Overview" | "AI" | "Workflows" | "Use" | "Governance" | "Site";
    permission?: string;
    view: (params: Params) => TemplateResult;
}

export const pages: readonly PageRow[] = [
    { path: "", title: "Overview", group: "Overview", view: (params) => html`<page-start .params=${params}></page-start>` },
    { path: "playground", title: "Playground", group: "AI", permission: "view_trace",
      view: (params) => html`<page-playground .params=${params}></page-playground>` },
    { path: "providers", title: "Providers", group: "AI", permission: "manage_providers", view: () => html`<page-providers></page-providers>` },
    { path: "providers/new", title: "Add a provider", group: "", view: () => html`<page-provider-new></page-provider-new>` },
    { path: "providers/{id}", title: "Provider", group: "", view: (params) => html`<page-provider .params=${params}></page-provider>` },
    { path: "placements", title: "Actions and placements", group: "AI", permission: "manage_placements",
      view: () => html`<page-matrix></page-matrix>` },
    { path: "profiles", title: "Profiles", group: "Workflows", permission: "manage_workflows",
      view: (params) => html`<page-profiles .params=${params}></page-profiles>` },
    { path: "profiles/new", title: "New profile", group: "", view: (params) => html`<page-profile-new .params=${params}></page-profile-new>` },
    { path: "profiles/{id}", title: "Profile", group: "", view: (params) => html`<page-profile .params=${params}></page-profile>` },
    { path: "profiles/{id}/history", title: "Profile", group: "",
      view: (params) => html`<page-profile-history .params=${params}></page-profile-history>` },
    { path: "profiles/{id}/scopes", title: "Profile", group: "",
      view: (params) => html`<page-profile-scopes .params=${params}></page-profile-scopes>` },
    { path: "scopes", title: "Scopes", group: "Workflows", permission: "manage_workflows",
      view: (params) => html`<page-scopes .params=${params}></page-scopes>` },
    { path: "scopes/new", title: "New scope", group: "", view: (params) => html`<page-scope-new .params=${params}></page-scope-new>` },
    { path: "scopes/test", title: "Why this one?", group: "", view: (params) => html`<page-scope-test .params=${params}></page-scope-test>` },
    { path: "scopes/{id}", title: "Scope", group: "", view: (params) => html`<page-scope .params=${params}></page-scope>` },
    { path: "prompts", title: "Prompts", group: "Workflows", permission: "manage_workflows",
      view: (params) => html`<page-prompts .params=${params}></page-prompts>` },
    { path: "prompts/new", title: "New prompt", group: "", view: (params) => html`<page-prompt-new .params=${params}></page-prompt-new>` },
    { path: "prompts/{id}", title: "Prompt", group: "", view: (params) => html`<page-prompt .params=${params}></page-prompt>` },
    { path: "prompts/{id}/history", title: "Prompt", group: "",
      view: (params) => html`<page-prompt-history .params=${params}></page-prompt-history>` },
    { path: "templates", title: "Templates", group: "Workflows", permission: "manage_workflows",
      view: (params) => html`<page-templates .params=${params}></page-templates>` },
    { path: "templates/text", title: "Template", group: "", view: (params) => html`<page-template .params=${params}></page-template>` },
    { path: "register", title: "Register", group: "Use", permission: "view_register", view: () => html`<page-register></page-register>` },
    { path: "register/{id}", title: "Call", group: "", permission: "view_register",
      view: (params) => html`<page-call .params=${params}></page-call>` },
    { path: "reports", title: "Reports", group: "Use", permission: "view_usage_report", view: () => html`<page-reports></page-reports>` },
    { path: "sessions", title: "Conversations", group: "Use", permission: "manage_workflows", view: () => html`<page-sessions></page-sessions>` },
    { path: "sessions/{id}", title: "Conversation", group: "", permission: "manage_workflows",
      view: (params) => html`<page-session .params=${params}></page-session>` },
    { path: "tasks", title: "Tasks", group: "Use", permission: "manage_workflows", view: () => html`<page-tasks></page-tasks>` },
    { path: "tasks/{id}", title: "Task", group: "", permission: "manage_workflows",
      view: (params) => html`<page-task .params=${params}></page-task>` },
    { path: "gradings", title: "Gradings", group: "Use", permission: "review_gradings", view: () => html`<page-gradings></page-gradings>` },
    { path: "gradings/{id}", title: "Grading", group: "", permission: "review_gradings",
      view: (params) => html`<page-grading .params=${params}></page-grading>` },
    { path: "limits", title: "Limits and budgets", group: "Governance", permission: "manage_limits", view: () => html`<page-limits></page-limits>` },
    { path: "limits/new", title: "Add a limit", group: "", view: () => html`<page-limit-new></page-limit-new>` },
    { path: "limits/notices", title: "Budget notices", group: "", view: () => html`<page-limit-notices></page-limit-notices>` },
    { path: "limits/{id}", title: "Limit", group: "", view: (params) => html`<page-limit .params=${params}></page-limit>` },
    { path: "prices", title: "Prices", group: "Governance", permission: "manage_limits", view: () => html`<page-prices></page-prices>` },
    { path: "prices/new", title: "Add a price", group: "", view: () => html`<page-price-new></page-price-new>` },
    { path: "switches", title: "Switches", group: "Governance", permission: "manage_switches", view: () => html`<page-switches></page-switches>` },
    { path: "switches/new", title: "Add a switch", group: "", view: () => html`<page-switch-new></page-switch-new>` },
    { path: "stop", title: "Emergency stop", group: "Governance", permission: "manage_emergency_stop", view: () => html`<page-stop></page-stop>` },
    { path: "policy", title: "Policy", group: "Governance", permission: "manage_policy",
      view: (params) => html`<page-policy .params=${params}></page-policy>` },
    { path: "policy/new", title: "New version", group: "", permission: "manage_policy",
      view: (params) => html`<page-policy-new .params=${params}></page-policy-new>` },
    { path: "privacy", title: "Privacy", group: "Governance", permission: "export_user_data", view: () => html`<page-privacy></page-privacy>` },
    { path: "site", title: "Site settings", group: "Site", permission: "manage_site",
      view: (params) => html`<page-site .params=${params}></page-site>` },
    { path: "keys", title: "Keys", group: "Site", permission: "manage_keys", view: () => html`<page-keys></page-keys>` },
    { path: "keys/new", title: "New key", group: "", permission: "manage_keys", view: () => html`<page-key-new></page-key-new>` },
    { path: "permissions", title: "Permissions", group: "Site", permission: "manage_permissions",
      view: () => html`<page-permissions></page-permissions>` },
    { path: "roles", title: "Roles", group: "Site", permission: "manage_roles", view: () => html`<page-roles></page-roles>` },
    { path: "roles/import", title: "Import roles", group: "", permission: "manage_roles", view: () => html`<page-role-import></page-role-import>` },
    { path: "roles/new", title: "Give a role", group: "", permission: "manage_roles", view: () => html`<page-role-new></page-role-new>` },
    { path: "plugins", title: "Plugins and services", group: "Site", permission: "view_plugins",
      view: (params) => html`<page-plugins .params=${params}></page-plugins>` },
    { path: "health", title: "Health", group: "Site", permission: "view_health",
      view: (params) => html`<page-health .params=${params}></page-health>` },
];

/** The page at an address, with what stood in its place of {id}. */
export function pageAt(path: string): { row: PageRow; params: Params } | null {
    const parts = path.split("/");
    for (const row of pages) {
        const pattern = row.path.split("/");
        if (pattern.length !== parts.length) continue;
        const params: Params = {};
        const fits = pattern.every((part, i) => {
            if (!part.startsWith("{")) return part === parts[i];
            params[part.slice(1, -1)] = decodeURIComponent(parts[i]!);
            return parts[i] !== "";
        });
        if (fits) return { row, params };
    }
    return null;
}
