import { dictionary } from "../../i18n.ts";

export const texts = dictionary({
  en: {
    title: "Log in",
    lead: "The panel of this gateway.",
    password: "Password",
    logIn: "Log in",
    needed: "Type the password first.",
    wrong: "This password is not right.",
    tooOften: (seconds: string) => `Too many tries. Try again in ${seconds}.`,
    forgotten: "Forgotten? Start the gateway with a new ADMIN_PASSWORD.",
    first: "For the first time here? Open the link that the gateway printed when it started.",
  },
  zh: {
    title: "登录",
    lead: "本网关的管理面板。",
    password: "密码",
    logIn: "登录",
    needed: "请先输入密码。",
    wrong: "密码不正确。",
    tooOften: (seconds: string) => `尝试次数过多，请在 ${seconds} 后重试。`,
    forgotten: "忘记密码？请设置新的 ADMIN_PASSWORD 并重启网关。",
    first: "首次使用？请打开网关启动时输出的链接。",
  },
});
