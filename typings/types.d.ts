/** The form in which a value came from the server. */
export type TypeFormat = 'text' | 'binary';

/** Turns one value from the server (text: `string`, binary: `Buffer`, never `null`) into a JavaScript value. */
export type TypeParser<Value = any, Out = any> = (value: Value) => Out;

/** Whatever can say how a column of a given type is read; given per query, per client or per pool. */
export interface CustomTypesConfig {
  /** Called once per column with the type's OID; the parser it returns is called for every value but NULL. */
  getTypeParser(oid: number, format?: TypeFormat): TypeParser;
}

/** OIDs of the server's own types, by name. */
export interface TypesBuiltins {
  readonly BOOL: 16;
  readonly BYTEA: 17;
  readonly CHAR: 18;
  readonly INT8: 20;
  readonly INT2: 21;
  readonly INT4: 23;
  readonly REGPROC: 24;
  readonly TEXT: 25;
  readonly OID: 26;
  readonly TID: 27;
  readonly XID: 28;
  readonly CID: 29;
  readonly JSON: 114;
  readonly XML: 142;
  readonly PG_NODE_TREE: 194;
  readonly SMGR: 210;
  readonly PATH: 602;
  readonly POLYGON: 604;
  readonly CIDR: 650;
  readonly FLOAT4: 700;
  readonly FLOAT8: 701;
  readonly ABSTIME: 702;
  readonly RELTIME: 703;
  readonly TINTERVAL: 704;
  readonly CIRCLE: 718;
  readonly MACADDR8: 774;
  readonly MONEY: 790;
  readonly MACADDR: 829;
  readonly INET: 869;
  readonly ACLITEM: 1033;
  readonly BPCHAR: 1042;
  readonly VARCHAR: 1043;
  readonly DATE: 1082;
  readonly TIME: 1083;
  readonly TIMESTAMP: 1114;
  readonly TIMESTAMPTZ: 1184;
  readonly INTERVAL: 1186;
  readonly TIMETZ: 1266;
  readonly BIT: 1560;
  readonly VARBIT: 1562;
  readonly NUMERIC: 1700;
  readonly REFCURSOR: 1790;
  readonly REGPROCEDURE: 2202;
  readonly REGOPER: 2203;
  readonly REGOPERATOR: 2204;
  readonly REGCLASS: 2205;
  readonly REGTYPE: 2206;
  readonly UUID: 2950;
  readonly TXID_SNAPSHOT: 2970;
  readonly PG_LSN: 3220;
  readonly PG_NDISTINCT: 3361;
  readonly PG_DEPENDENCIES: 3402;
  readonly TSVECTOR: 3614;
  readonly TSQUERY: 3615;
  readonly GTSVECTOR: 3642;
  readonly REGCONFIG: 3734;
  readonly REGDICTIONARY: 3769;
  readonly JSONB: 3802;
  readonly REGNAMESPACE: 4089;
  readonly REGROLE: 4096;
}

/** The registry of type parsers that every pool and client of this process falls back to. */
export interface TypesRegistry extends CustomTypesConfig {
  /** Registers a parser for values in text form. */
  setTypeParser<Out>(oid: number, parser: TypeParser<string, Out>): void;
  setTypeParser<Out>(oid: number, format: 'text', parser: TypeParser<string, Out>): void;
  setTypeParser<Out>(oid: number, format: 'binary', parser: TypeParser<Buffer, Out>): void;
  setTypeParser(oid: number, format: TypeFormat, parser: TypeParser): void;
  /** Reads PostgreSQL's array literals; `transform` is asked for every entry but NULL. */
  arrayParser: { create(source: string, transform?: (entry: string) => any): { parse(): any[] } };
  readonly builtins: TypesBuiltins;
}

/** Type parsers on top of another registry (the process's own by default). */
export declare class TypeOverrides implements CustomTypesConfig {
  constructor(types?: CustomTypesConfig);
  setTypeParser<Out>(oid: number, parser: TypeParser<string, Out>): void;
  setTypeParser<Out>(oid: number, format: 'text', parser: TypeParser<string, Out>): void;
  setTypeParser<Out>(oid: number, format: 'binary', parser: TypeParser<Buffer, Out>): void;
  getTypeParser(oid: number, format?: TypeFormat): TypeParser;
}
