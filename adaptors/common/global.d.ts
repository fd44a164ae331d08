// The operations as a job sees them: names that it need not import, for the compiler does.
export {};

type Common = typeof import("./index.js");

declare global {
  const execute: Common["execute"];
  const fn: Common["fn"];
  const fnIf: Common["fnIf"];
  const each: Common["each"];
  const combine: Common["combine"];
  const dataPath: Common["dataPath"];
  const dataValue: Common["dataValue"];
  const lastReferenceValue: Common["lastReferenceValue"];
  const field: Common["field"];
  const fields: Common["fields"];
  const merge: Common["merge"];
  const sourceValue: Common["sourceValue"];
  const as: Common["as"];
  const map: Common["map"];
  const cursor: Common["cursor"];
}
