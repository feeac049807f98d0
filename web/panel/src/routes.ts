/** Every page: where it is, what it is called, and the chunk that it is loaded from. */
import {
  Activity,
  ChartNoAxesCombined,
  CircleFadingArrowUp,
  Images,
  KeyRound,
  ListTree,
  type LucideIcon,
  Paintbrush,
  ScrollText,
  Settings,
  Sparkles,
  Users,
} from "lucide-preact";
import type { ComponentType } from "preact";
import type { shellTexts } from "./texts.ts";

type PageTexts = ReturnType<typeof shellTexts>;

/** One page. */
export interface Page {
  path: string;
  name: keyof PageTexts["pages"];
  group: keyof PageTexts["groups"];
  icon: LucideIcon;
  /** Has a place in the bar at the bottom of a phone. */
  isNear?: boolean;
  load: () => Promise<{ default: ComponentType }>;
}

/** In the order of the navigation. The folder of each is `pages/`, its own dictionary beside it. */
export const PAGES: readonly Page[] = [
  {
    path: "/admin",
    name: "dashboard",
    group: "watch",
    icon: ChartNoAxesCombined,
    isNear: true,
    load: () => import("./pages/dashboard/page.tsx"),
  },
  {
    path: "/requests",
    name: "requests",
    group: "watch",
    icon: Activity,
    load: () => import("./pages/requests/page.tsx"),
  },
  {
    path: "/logs",
    name: "logs",
    group: "watch",
    icon: ScrollText,
    isNear: true,
    load: () => import("./pages/logs/page.tsx"),
  },
  {
    path: "/playground",
    name: "playground",
    group: "make",
    icon: Paintbrush,
    isNear: true,
    load: () => import("./pages/playground/page.tsx"),
  },
  {
    path: "/pic",
    name: "gallery",
    group: "make",
    icon: Images,
    isNear: true,
    load: () => import("./pages/gallery/page.tsx"),
  },
  {
    path: "/prompt-optimizer",
    name: "promptOptimizer",
    group: "make",
    icon: Sparkles,
    load: () => import("./pages/prompt_optimizer/page.tsx"),
  },
  {
    path: "/channel",
    name: "channels",
    group: "manage",
    icon: ListTree,
    load: () => import("./pages/channel/page.tsx"),
  },
  {
    path: "/keys",
    name: "keys",
    group: "manage",
    icon: KeyRound,
    load: () => import("./pages/keys/page.tsx"),
  },
  {
    path: "/clients",
    name: "clients",
    group: "manage",
    icon: Users,
    load: () => import("./pages/clients/page.tsx"),
  },
  {
    path: "/setting",
    name: "settings",
    group: "manage",
    icon: Settings,
    load: () => import("./pages/settings/page.tsx"),
  },
  {
    path: "/update",
    name: "update",
    group: "manage",
    icon: CircleFadingArrowUp,
    load: () => import("./pages/update/page.tsx"),
  },
];
