/** Finds the prompt in what a text model answered: models add thoughts, fences and quotation marks that nobody asked for. */

const PAIRS = ['""', "''", "“”", "‘’", "「」", "『』", "«»", "``"].map((pair) =>
  [...pair] as [string, string]
);
const THOUGHT_END = /<\/(?:think|thinking|thought|reasoning)\s*>/gi;
const THOUGHT_START = /<(?:think|thinking|thought|reasoning)\s*>/i;
const FENCE = "```";
/** A cut goes back to the last blank, unless that is further away. */
const MAX_WORD = 100;

/**
 * The prompt in an answer: without thoughts, fences, quotation marks that the original did not have, and
 * control characters; at most `maxLength` UTF-16 units. Empty where nothing is left.
 */
export function promptIn(answer: string, original: string, maxLength: number): string {
  let text = withoutThoughts(answer).trim();
  if (!original.includes(FENCE)) text = withoutFences(text).trim();
  if (!isQuoted(original.trim())) {
    for (let before = ""; before !== text;) {
      before = text;
      text = withoutQuotes(text).trim();
    }
  }
  return cut(text.toWellFormed(), maxLength).replace(/ *(?:(?!\n)\p{Cc})+ */gu, " ").trim();
}

/** What follows the last thought; an open thought never came to an answer. Some templates leave out the opening tag. */
function withoutThoughts(text: string): string {
  let end = 0;
  for (const { index, 0: tag } of text.matchAll(THOUGHT_END)) end = index + tag.length;
  const rest = text.slice(end);
  const start = rest.search(THOUGHT_START);
  return start < 0 ? rest : rest.slice(0, start);
}

/** The inside of a fence, if the answer begins with one or announces it in one line that ends with a colon. */
function withoutFences(text: string): string {
  const start = text.indexOf(FENCE);
  const announced = start > 0 && /^[^\n]*[:：]\s*$/.test(text.slice(0, start));
  if (start !== 0 && !announced) return text;
  const inside = text.slice(start + FENCE.length).replace(/^[\w-]*\n/, "");
  const end = inside.lastIndexOf(FENCE);
  return end < 0 ? inside : inside.slice(0, end);
}

function withoutQuotes(text: string): string {
  return isQuoted(text) ? text.slice(1, -1) : text;
}

/** Whether one pair of quotation marks is around all of a text, and not two around its ends. */
function isQuoted(text: string): boolean {
  return PAIRS.some(([open, close]) => {
    if (text.length < 2 || !text.startsWith(open) || !text.endsWith(close)) return false;
    const inside = text.slice(1, -1);
    return !inside.includes(open) && !inside.includes(close);
  });
}

function cut(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const head = text.slice(0, maxLength).replace(/[\ud800-\udbff]$/, "");
  const blank = head.search(/\s\S*$/);
  return blank > head.length - MAX_WORD && blank > 0 ? head.slice(0, blank) : head;
}
