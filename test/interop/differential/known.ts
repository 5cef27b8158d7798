export const known: Readonly<Record<string, string>> = {};
