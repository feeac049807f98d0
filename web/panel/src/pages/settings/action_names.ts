/** What admins can do, as the audit trail tells it. */
import { language } from "../../i18n.ts";

/** The name of an action such as `keys.delete`; one that is not known goes by itself. */
export function actionName(action: string): string {
  const [english, chinese] = NAMES[action] ?? [];
  return (language.value === "zh" ? chinese : english) ?? action;
}

const NAMES: Record<string, [english: string, chinese: string]> = {
  "auth.setup": ["First password chosen", "设置初始密码"],
  "auth.password": ["Password changed", "修改密码"],
  "auth.token.create": ["API token made", "创建 API 令牌"],
  "auth.token.delete": ["API token revoked", "吊销 API 令牌"],
  "settings.change": ["Settings changed", "更改设置"],
  "settings.import": ["Settings imported", "导入设置"],
  "settings.export": ["Settings exported with secrets", "导出含机密的设置"],
  "providers.change": ["Provider changed", "更改服务商"],
  "clients.create": ["Client made", "创建客户端"],
  "clients.change": ["Client changed", "更改客户端"],
  "clients.delete": ["Client deleted", "删除客户端"],
  "keys.add": ["Key added", "添加密钥"],
  "keys.batch_add": ["Keys added", "批量添加密钥"],
  "keys.import": ["Keys imported", "导入密钥"],
  "keys.export": ["Keys exported", "导出密钥"],
  "keys.update": ["Key changed", "更改密钥"],
  "keys.delete": ["Keys deleted", "删除密钥"],
  "keys.enable": ["Keys enabled", "启用密钥"],
  "keys.disable": ["Keys disabled", "停用密钥"],
  "keys.rest": ["Keys put to rest", "暂停密钥"],
  "keys.revive": ["Keys revived", "恢复密钥"],
  "keys.check": ["Keys checked", "检查密钥"],
  "gallery.delete": ["Pictures deleted", "删除图片"],
  "gallery.import": ["Pictures imported", "导入图片"],
  "gallery.repair": ["Gallery repaired", "修复图库"],
};
