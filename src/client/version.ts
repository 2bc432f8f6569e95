/** The version of this package; a test holds it equal to package.json's, which no bundle carries along. */
export const version = '0.1.0';
