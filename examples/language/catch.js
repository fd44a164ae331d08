// An error of one operation is handled beside it; the next one goes on with what the handler returns.
get("/patients/p9").catch((error, state) => {
  console.warn(`${error.name} ${error.status}: ${error.message}`);
  return { ...state, data: { id: "p9", isMissing: true } };
});

fnIf($.data.isMissing, book($.data.id, "registration"));
