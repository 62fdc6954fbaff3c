// Before tests that run the command line: the build that they run is of these sources.
export { bootstrap as setup } from '../setup/bootstrap.mjs';
