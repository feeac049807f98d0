/** The little that configuration must know of a provider: what it is called, in files and in variables. */

/** How a provider is named. */
export interface ProviderIdentity {
  /** As it is shown and saved. */
  name: string;
  /** Beginning of its variables: `OPENAI` for `OPENAI_API_KEY`; absent = it has none. */
  env?: string;
  /** Other names it is known by, in any case. */
  aliases?: readonly string[];
  /** It has no address of its own: every key must say where it belongs. */
  needsBaseUrl?: boolean;
  /** Weight of its tasks where nobody names one. @default 10 */
  weight?: number;
}

/** Finds a provider by its name or an alias, in any case. */
export function findProvider(
  providers: readonly ProviderIdentity[],
  name: string,
): ProviderIdentity | undefined {
  const wanted = name.trim().toLowerCase();
  return providers.find((provider) =>
    [provider.name, ...provider.aliases ?? []].some((known) => known.toLowerCase() === wanted)
  );
}
