// Reads every record once, so that no later step has to: it leaves a small summary on the state, and an index for the
// rest of the run.

// The feed's networks do not agree on how to write some regions.
const SHORT = { CA: "California", MX: "Mexico", NV: "Nevada" };

// "22km NNE of Hualian, Taiwan" is in Taiwan; "Reykjanes Ridge" is a region of its own.
function regionOf(place) {
  const region = place.split(", ").at(-1);
  return SHORT[region] ?? region;
}

export default [
  // The feed has explosions and quarry blasts, too.
  (state) => {
    const quakes = state.data.features
      .filter(({ properties }) => properties.type === "earthquake")
      .map(({ id, properties, geometry }) => ({
        id,
        magnitude: properties.mag,
        place: properties.place,
        region: regionOf(properties.place),
        time: new Date(properties.time).toISOString(),
        depthKm: geometry.coordinates[2],
      }))
      .sort((a, b) => b.magnitude - a.magnitude);

    // A key that starts with `_` is private: later steps of this run find the very same Map, which no JSON could hold,
    // and it never comes out of the run.
    state._index = Map.groupBy(quakes, ({ region }) => region);
    state.summary = {
      title: state.data.metadata.title,
      until: new Date(state.data.metadata.generated).toISOString(),
      records: state.data.features.length,
      earthquakes: quakes.length,
      strongest: quakes[0],
    };
    // Returned as it came, with new keys. `{ ...state }` would do as well: a spread of the state itself reads no more of
    // `data` than was read above.
    return state;
  },

  (state) => {
    const { records, earthquakes, strongest } = state.summary;
    console.log(`${earthquakes} earthquakes in ${records} records, from ${state._index.size} regions`);
    console.log(`the strongest: ${strongest.magnitude}, ${strongest.place}`);
    return state;
  },
];
