import { dictionary } from "../../i18n.ts";

export const texts = dictionary({
  en: {
    title: "Welcome",
    lead: "Choose the password of this panel. There is one, for whoever runs the gateway.",
    password: "New password",
    again: "The same again",
    hint: "12 characters or more. A few words in a row are easy to remember and hard to guess.",
    tooShort: "At least 12 characters",
    differ: "The two are not the same",
    begin: "Set password and begin",
  },
  zh: {
    title: "欢迎",
    lead: "请为管理面板设置密码。网关只有一个管理密码。",
    password: "新密码",
    again: "再次输入",
    hint: "至少 12 个字符。几个连续的词语容易记住，也难以猜到。",
    tooShort: "至少 12 个字符",
    differ: "两次输入不一致",
    begin: "设置密码并开始",
  },
});
