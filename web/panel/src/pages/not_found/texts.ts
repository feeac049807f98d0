import { dictionary } from "../../i18n.ts";

export const texts = dictionary({
  en: {
    title: "There is no such page",
    lead: "The address may be mistyped, or from another version.",
    home: "To the dashboard",
  },
  zh: { title: "页面不存在", lead: "地址可能有误，或来自其他版本。", home: "前往仪表盘" },
});
