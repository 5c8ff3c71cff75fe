/* A style sheet as text: the build puts it into the module, so that a page needs no further request for it. */
declare module "*.css" {
    const text: string;
    export default text;
}
