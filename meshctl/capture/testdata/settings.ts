/** Whether golden files are written anew instead of compared: `UPDATE_GOLDEN=1`. For tests only. */
export const updatesGolden = process.env['UPDATE_GOLDEN'] === '1';
