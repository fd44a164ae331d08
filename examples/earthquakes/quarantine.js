// Runs only after `locate` failed: puts aside what it could not do, so that the run can go on with the rest.
export default [
  (state) => {
    // `errors` has one entry for each failed step, by its id.
    const { subtype, message, details } = state.errors.locate;
    // Only what it was made for. Anything else is a mistake in the job, and has to stay visible.
    if (subtype !== "PlaceError") throw new Error(`cannot handle this: ${message}`);

    const failed = new Set(details.ids);
    state.quarantined = {
      reason: message,
      quakes: state.strong.filter(({ id }) => failed.has(id)),
    };
    console.warn(`put aside ${failed.size} of ${state.strong.length}: ${message}`);
    return state;
  },
];
