// Types of the operations in index.js. They need nothing else; jobs that use them without an import also want
// global.d.ts, and runtime/fulgurite.d.ts for what else is around a job.

/** What a step takes and returns. */
export interface State {
  /** What the job works on; in `each`, the item. */
  data?: any;
  /** The step's credential. Never part of its output. */
  configuration?: any;
  references?: any[];
  errors?: any;
  /** In `each`, the place of the item, from 0. */
  index?: number;
  [key: string]: any;
}

/** What an operation returns: a state, or a promise of one. (A promise of nothing is neither.) */
export type Result = (State & { then?: undefined }) | Promise<State>;

/** One thing that a job does: a function from a state to a state. */
export interface Operation {
  (state: any): any;
  /**
   * At the top level of a job: another function over the operation's result.
   * @example get('/patients').then(state => ({ ...state, count: state.data.length }))
   */
  then(next: (state: State) => any): Operation;
  /**
   * At the top level of a job: what to do when the operation fails.
   * @example get('/patients').catch((error, state) => ({ ...state, data: [] }))
   */
  catch(handler: (error: any, state: State) => any): Operation;
}

/** A value, or a function of the state that gives one. */
export type Reference<T> = T | ((state: State) => Reference<T>);

/** Where items come from: a path, a list, or a function of the state (which `$.data.items` is, too) that gives a list. */
export type Source = string | readonly any[] | ((state: State) => any);

/** What holds or does not: a value, or a function of the state (which `$.data.ready` is, too) that gives one. */
export type Condition = ((state: State) => any) | object | string | number | boolean | null | undefined;

/** A key with its value. */
export type Field = [key: string, value: any];

export interface CursorOptions {
  /** The key of the state to write, instead of "cursor". Stays for later cursors of the run. */
  key?: Reference<string | undefined>;
  /** What to take if the value is undefined or null. */
  defaultValue?: any;
  /** Makes the cursor of the value, or of the date that the value is in words. */
  format?: (value: any) => any;
}

/**
 * Runs operations in order, over a state. The runtime does this with all operations of a job.
 * @example execute(fn(first), fn(second))(state)
 */
export function execute(...operations: ((state: any) => any)[]): (state: any) => Promise<any>;

/**
 * Makes an operation of a function, which returns the state for the next one.
 * @example fn(state => ({ ...state, count: state.data.length }))
 */
export function fn(func: (state: State) => Result): Operation;

/**
 * Runs an operation if a condition holds, else leaves the state as it is.
 * @example fnIf($.data.ready, fn(state => ({ ...state, sent: true })))
 */
export function fnIf(condition: Condition, operation: (state: State) => any): Operation;

/**
 * Runs an operation once per item, one after the other, with the item in `state.data` and its place in `state.index`.
 * Afterwards the state is what the operation returned for the last item.
 * @example each($.data.patients, fn(state => ({ ...state, names: [...state.names, state.data.name] })))
 */
export function each(dataSource: Source, operation: (state: State) => any): Operation;

/**
 * Makes one operation of several, as `each` takes one.
 * @example each('$.data[*]', combine(fn(check), fn(send)))
 */
export function combine(...operations: ((state: State) => any)[]): Operation;

/**
 * Makes a path one into `state.data`.
 * @example dataPath('patients[0].name') // '$.data.patients[0].name'
 */
export function dataPath(path: string): string;

/**
 * The first thing that a path finds in `state.data`, as a reference.
 * @example field('name', dataValue('patients[0].name'))
 */
export function dataValue(path: string): (state: State) => any;

/**
 * The first thing that a path finds in `state.references[0]`, as a reference.
 * @example field('id', lastReferenceValue('id'))
 */
export function lastReferenceValue(path: string): (state: State) => any;

/**
 * A key with its value, for `fields`. The value may be a reference.
 * @example field('name', dataValue('patient.name'))
 */
export function field(key: string, value: any): Field;

/**
 * Makes an object of fields.
 * @example fields(field('name', 'Ann'), field('age', $.data.age))
 */
export function fields(...fields: Field[]): { [key: string]: any };

/**
 * The items of a data source with fields added to each, as a data source for `each`.
 * @example each(merge('$.data.books[*]', fields(field('publisher', $.data.publisher))), fn(send))
 */
export function merge(dataSource: Source, fields: any): (state: State) => any[];

/**
 * The first thing that a path finds in the state, as a reference.
 * @example field('run', sourceValue('$.runId'))
 */
export function sourceValue(path: string): (state: State) => any;

/**
 * Runs an operation and keeps its data under a key of the state; `state.data` stays as it was.
 * @example as('patients', get('/patients'))
 */
export function as(key: Reference<string>, operation: (state: State) => any): Operation;

/**
 * Makes `state.data` a list of what a function gives for each item.
 * @example map('$.data.patients[*]', (patient, index) => ({ index, name: patient.name }))
 */
export function map(dataSource: Source, callback: (item: any, index: number, state: State) => any): Operation;

/**
 * Notes in the state how far the job has come, for the next run. In words: "start", "now", "end", "today", "yesterday",
 * "3 hours ago", "2 days ago" become dates.
 * @example cursor($.cursor, { defaultValue: 'today' })
 */
export function cursor(value: any, options?: CursorOptions): Operation;
