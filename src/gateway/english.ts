/**
 * Tells whether a prompt is English, by its content: by script where that is enough, and by a detector's
 * n-grams where Latin letters leave it open. Prompts are short and full of names, so doubt counts as English.
 */

/** Text to be painted says nothing about the language of the wish. */
const QUOTED = /"[^"]*"|“[^”]*”|「[^」]*」|『[^』]*』|«[^»]*»/g;
/** A detector needs no more. */
const MAX_LOOKED_AT = 2000;
/** Share of letters from which on another script counts; a foreign name in an English prompt stays below. */
const FOREIGN_SHARE = 0.1;
/** How far another language has to be ahead of English. */
const CLEAR_LEAD = 0.15;

/** Whether a prompt is English, or may well be. */
export async function isEnglish(prompt: string): Promise<boolean> {
  const text = prompt.slice(0, MAX_LOOKED_AT);
  const wish = text.replace(QUOTED, " ");
  const looked = /\p{L}/u.test(wish) ? wish : text;
  const letters = looked.match(/\p{L}/gu)?.length ?? 0;
  if (letters === 0) return true;
  const latin = looked.match(/\p{Script=Latin}/gu)?.length ?? 0;
  if ((letters - latin) / letters > FOREIGN_SHARE) return false;
  // Loaded when first needed: its tables take some tens of megabytes.
  const { eld } = await import("eld/extrasmall");
  const found = eld.detect(looked);
  if (found.language === "" || found.language === "en" || !found.isReliable()) return true;
  const { [found.language]: best = 0, en = 0 } = found.getScores();
  return best - en < CLEAR_LEAD;
}
