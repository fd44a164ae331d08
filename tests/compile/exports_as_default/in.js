const steps = [get(1)];
export { steps as default };
