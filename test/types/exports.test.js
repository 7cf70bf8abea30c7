'use strict';

const assert = require('node:assert/strict');
const path = require('node:path');
const ts = require('typescript');

const TYPINGS = path.join(__dirname, '../../typings');

/** Names that the typings give as values, types left out. */
function valuesOf(program, name) {
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(path.join(TYPINGS, name));
  const resolve = (symbol) =>
    symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const isTypeOnly = (symbol) =>
    symbol.declarations?.some((node) => ts.isExportSpecifier(node) && node.parent.parent.isTypeOnly);
  return checker
    .getExportsOfModule(checker.getSymbolAtLocation(source))
    .filter((symbol) => !isTypeOnly(symbol) && resolve(symbol).flags & ts.SymbolFlags.Value)
    .map((symbol) => symbol.name)
    .sort();
}

describe('the typings name what the package exports', () => {
  // Not for users: pg has the first, and the second hides from enumeration.
  const unlisted = ['_pools'];
  const hidden = ['native'];
  let program;

  before(() => {
    const files = ['index.d.ts', 'index.d.mts'].map((name) => path.join(TYPINGS, name));
    const { Node16 } = ts.ModuleKind;
    program = ts.createProgram(files, { module: Node16, moduleResolution: ts.ModuleResolutionKind.Node16 });
  });

  it('with require', () => {
    const names = Object.keys(require('pgkeel')).filter((name) => !unlisted.includes(name));
    assert.deepEqual(valuesOf(program, 'index.d.ts'), [...names, ...hidden].sort());
  });

  it('with import', async () => {
    const names = Object.keys(await import('pgkeel'));
    const typed = valuesOf(program, 'index.d.mts').filter((name) => !hidden.includes(name));
    assert.deepEqual(typed, names.sort());
  });
});
