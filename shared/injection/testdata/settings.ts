/** Whether golden files are written anew (UPDATE_GOLDEN=1) instead of compared. */
export const updatesGolden = process.env['UPDATE_GOLDEN'] === '1';
