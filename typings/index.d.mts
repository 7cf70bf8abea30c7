import * as pgkeel from './index.js';

export * from './index.js';
export default pgkeel;
