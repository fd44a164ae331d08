import { Map, fetch, Mapper, MyError, setDate } from "a";
export * from "a";
new Map(Error, fetch);
export default [
Mapper(MyError, setDate),
];
