/** The admin API as one app, whose type is the panel's client. */
import { LoginLimit } from "../../admin/login_limit.ts";
import type { Edge } from "../edge.ts";
import type { Admin, AdminParts } from "./admin.ts";
import { newApi } from "./api_app.ts";
import { auditRoutes } from "./audit_routes.ts";
import { authRoutes } from "./auth_routes.ts";
import { clientsRoutes } from "./clients_routes.ts";
import { galleryRoutes } from "./gallery_routes.ts";
import { guard } from "./guard.ts";
import { keysRoutes } from "./keys_routes.ts";
import { logsRoutes } from "./logs_routes.ts";
import { playgroundRoutes } from "./playground_routes.ts";
import { providersRoutes } from "./providers_routes.ts";
import { requestsRoutes } from "./requests_routes.ts";
import { SESSION_COOKIE } from "./session_cookie.ts";
import { settingsRoutes } from "./settings_routes.ts";
import { statsRoutes } from "./stats_routes.ts";
import { toolsRoutes } from "./tools_routes.ts";
import { updateRoutes } from "./update_routes.ts";

/** Builds the app that is mounted at `/api`. @param edge what the playground shares with the client API */
export function createApi(parts: AdminParts, edge: Edge) {
  const admin: Admin = { ...parts, loginLimit: new LoginLimit({ clock: parts.clock }) };
  const api = newApi();
  api.use(guard(admin));
  const routes = api
    .route("/", authRoutes(admin))
    .route("/", settingsRoutes(admin))
    .route("/", keysRoutes(admin))
    .route("/", clientsRoutes(admin))
    .route("/", providersRoutes(admin))
    .route("/", toolsRoutes(admin))
    .route("/", playgroundRoutes(edge))
    .route("/", statsRoutes(admin))
    .route("/", requestsRoutes(admin))
    .route("/", galleryRoutes(admin))
    .route("/", logsRoutes(admin))
    .route("/", auditRoutes(admin))
    .route("/", updateRoutes(admin));
  describeAccess(routes.openAPIRegistry);
  return routes;
}

/** Every route that does not say otherwise needs a session or a token; the documents tell so. */
function describeAccess(registry: ReturnType<typeof newApi>["openAPIRegistry"]): void {
  registry.registerComponent("securitySchemes", "adminToken", {
    type: "http",
    scheme: "bearer",
    description: "A token of POST /api/auth/tokens, or of a login.",
  });
  registry.registerComponent("securitySchemes", "adminSession", {
    type: "apiKey",
    in: "cookie",
    name: SESSION_COOKIE,
    description: "The session of the panel.",
  });
  for (const definition of registry.definitions) {
    if (definition.type === "route") definition.route.security ??= [{ adminToken: [] }, { adminSession: [] }];
  }
}

/** For `hc<AdminApi>("/api")`. */
export type AdminApi = ReturnType<typeof createApi>;
