import type { State } from './types';
fn<State>(state => state);
