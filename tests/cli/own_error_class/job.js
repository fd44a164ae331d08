class PlaceError extends Error {
  name = "PlaceError";
}

export default [
  () => {
    throw new PlaceError("nowhere");
  },
];
